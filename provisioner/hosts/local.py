"""This machine, as a host of instances."""

import socket
import sys
import zlib

from provisioner.config import Settings
from provisioner.embedded.layout import Layout
from provisioner.embedded.postgres import bin_dir
from provisioner.hosts.models import Connection
from provisioner.hosts.service import Registration

NAME = "local"
ADDRESS = "127.0.0.1"
FIRST, BLOCK, BLOCKS = 12000, 200, 100  # 20,000 ports, all below the range from which outgoing connections take theirs


def _first_port(preference: int) -> int:
    """The start of a block of ports on which nobody listens now, the preferred one before the others."""
    blocks = [FIRST + BLOCK * ((preference + further) % BLOCKS) for further in range(BLOCKS)]
    return next((first for first in blocks if all(map(_is_free, range(first, first + BLOCK)))), blocks[0])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
        return True


def registration(settings: Settings) -> Registration:
    """What plays need to know of this machine. Each state folder has ports of its own: services stand side by side."""
    layout = Layout(settings.state_dir)
    first = _first_port(zlib.crc32(bytes(settings.state_dir)))
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
    return Registration(NAME, ADDRESS, Connection.LOCAL, "local", first, first + BLOCK - 1, facts)
