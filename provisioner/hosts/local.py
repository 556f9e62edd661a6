"""This machine, as a host of instances."""

import sys
import zlib

from provisioner.config import Settings
from provisioner.embedded.layout import Layout
from provisioner.embedded.postgres import bin_dir
from provisioner.hosts.models import Connection
from provisioner.hosts.service import Registration

NAME = "local"
FIRST, BLOCK, BLOCKS = 12000, 200, 100  # 20,000 ports, all below the range from which outgoing connections take theirs


def registration(settings: Settings) -> Registration:
    """What plays need to know of this machine. Each state folder has ports of its own: services stand side by side."""
    layout = Layout(settings.state_dir)
    first = FIRST + BLOCK * (zlib.crc32(bytes(settings.state_dir)) % BLOCKS)
    facts = {
        "root": str(layout.host_root),
        "supervisor_socket": str(layout.supervisor_socket),
        "supervisor_conf_dir": str(layout.supervisor_conf_dir),
        "postgres_bin": str(bin_dir(layout.tenants)),
        "postgres_socket_dir": str(layout.tenants.socket_dir),
        "postgres_port": layout.tenants.port,
        "postgres_superuser_password_file": str(layout.tenants.superuser_password_file),
        "python": sys.executable,
    }
    return Registration(NAME, "127.0.0.1", Connection.LOCAL, "local", first, first + BLOCK - 1, facts)
