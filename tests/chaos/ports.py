"""Ports for what the tests listen on themselves."""

import random
import socket

# Below the range of outgoing connections, and below the ports of instances.
PORTS = range(10_000, 12_000)


def listener(address: str) -> socket.socket:
    """On a port that nobody has."""
    for port in random.sample(PORTS, len(PORTS)):
        try:
            return socket.create_server((address, port))
        except OSError:
            continue
    raise AssertionError("no port is free")


def free_port(address: str) -> int:
    with listener(address) as taken:
        return int(taken.getsockname()[1])
