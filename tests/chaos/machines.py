"""Machines for workers: network namespaces on a bridge, each with an address of its own."""

import os
import random
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@dataclass(frozen=True)
class Machine:
    namespace: str
    cable: str  # the end of it that is plugged into the bridge

    def unplug(self) -> None:
        ip("link", "set", self.cable, "down")

    def plug_in(self) -> None:
        ip("link", "set", self.cable, "up")


@dataclass(frozen=True)
class Network:
    """`address`: the only one that its machines can reach."""

    address: str
    machines: Sequence[Machine]


@contextmanager
def network(count: int) -> Iterator[Network]:
    """For as long as the block lasts."""
    mark, subnet = f"{os.getpid() % 10_000}", f"10.253.{random.randrange(256)}"
    bridge = f"chaos{mark}"
    machines = [Machine(f"chaos-{mark}-{number}", f"cc{mark}-{number}") for number in range(count)]
    try:
        ip("link", "add", bridge, "type", "bridge")
        ip("address", "add", f"{subnet}.1/24", "dev", bridge)
        ip("link", "set", bridge, "up")
        for number, machine in enumerate(machines):
            _connect(machine, bridge, f"{subnet}.{number + 2}/24")
        yield Network(f"{subnet}.1", machines)
    finally:
        for machine in machines:
            subprocess.run(["ip", "netns", "delete", machine.namespace], check=False, capture_output=True)
        subprocess.run(["ip", "link", "delete", bridge], check=False, capture_output=True)


def _connect(machine: Machine, bridge: str, address: str) -> None:
    ip("netns", "add", machine.namespace)
    ip("link", "add", machine.cable, "type", "veth", "peer", "name", "eth0", "netns", machine.namespace)
    ip("link", "set", machine.cable, "master", bridge, "up")
    ip("-netns", machine.namespace, "address", "add", address, "dev", "eth0")
    ip("-netns", machine.namespace, "link", "set", "eth0", "up")
    ip("-netns", machine.namespace, "link", "set", "lo", "up")
