"""This machine as a host of instances: the supervisor that keeps them running, outside any Ansible run."""

import os
import socket
import sys
from functools import partial

from provisioner.embedded.layout import Layout
from provisioner.embedded.processes.service import Service

CONFIGURATION = """\
[unix_http_server]
file = {socket}
chmod = 0700

[supervisord]
nodaemon = true
silent = true
logfile = {log}
pidfile = {pidfile}
childlogdir = {logs}
directory = {root}
umask = 027
{user}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = provisioner.embedded.processes.supervising:Interface
folder = {services}

[supervisorctl]
serverurl = unix://{socket}
"""


def supervisor(layout: Layout) -> Service:
    """Instances inherit its environment, so it gets a plain one."""
    return Service(
        "instances",
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(layout.supervisor_conf)],
        prepare=partial(_configure, layout),
        ready=partial(_listens, layout),
        grace=30,
    )


def _configure(layout: Layout) -> None:
    places = {
        "socket": layout.supervisor_socket,
        "log": layout.log("instances"),
        "pidfile": layout.run_dir / "supervisord.pid",
        "logs": layout.logs,
        "root": layout.host_root,
        "services": layout.supervisor_conf_dir,
    }
    escaped = {name: str(path).replace("%", "%%") for name, path in places.items()}
    user = "user = root\n" if os.geteuid() == 0 else ""  # said aloud, or supervisord warns
    layout.supervisor_conf.write_text(CONFIGURATION.format(**escaped, user=user))


def _listens(layout: Layout) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(layout.supervisor_socket))
        except OSError:
            return False
        return True
