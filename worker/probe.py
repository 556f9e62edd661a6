"""Looking whether a host answers, without logging in: what reopens a host that was parked."""

import socket
import time

from provisioner.hosts.models import Connection, Host

PATIENCE = 5.0  # seconds for all of it
SSH_PORT = 22
MOST = 8192  # bytes that a server may say before its banner


def answers(host: Host) -> bool:
    """Whether an attempt on this host has a chance; this machine always answers itself."""
    if host.connection is not Connection.SSH:
        return True
    give_up = time.monotonic() + PATIENCE
    try:
        with socket.create_connection((host.address, _port(host)), PATIENCE) as line:
            return _speaks_ssh(line, give_up)
    except OSError:
        return False


def _port(host: Host) -> int:
    return int(host.facts.get("ssh", {}).get("port", SSH_PORT))


def _speaks_ssh(line: socket.socket, give_up: float) -> bool:
    """Whether its banner comes in time, which other lines may precede. A port that is open proves nothing."""
    said = b"\n"
    while b"\nSSH-" not in said and len(said) < MOST:
        line.settimeout(max(give_up - time.monotonic(), 0.001))
        heard = line.recv(1024)
        if not heard:
            return False
        said += heard
    return b"\nSSH-" in said
