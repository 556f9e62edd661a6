"""Finding a host and a port for a new instance, and whether its name is still to be had."""

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from provisioner.db import db
from provisioner.errors import Conflict
from provisioner.hosts import service as hosts
from provisioner.hosts.models import Host
from provisioner.instances.lifecycle import State
from provisioner.instances.models import Instance

LONGEST_LABEL = 63  # characters of one label of a host name (RFC 1035)


@dataclass(frozen=True)
class Place:
    host: Host
    port: int


def place() -> Place:
    """The host with the fewest instances and its lowest free port; Conflict where no active host has room.

    A removed instance gives its port back.
    """
    candidates = hosts.open_for_placement()
    taken = _ports_taken()
    for host in sorted(candidates, key=lambda host: len(taken[host.id])):
        port = next((port for port in range(host.port_first, host.port_last + 1) if port not in taken[host.id]), None)
        if port is not None:
            return Place(host, port)
    raise Conflict("No active host has room for another instance.")


def free(hostname: str) -> str:
    """The name itself; Conflict if no host can have it, or if an instance has it: `place` has let nobody else in."""
    if len(hostname.partition(".")[0]) > LONGEST_LABEL:
        raise Conflict(
            "%(hostname)s is too long for a host name. Give the administration a shorter label.", hostname=hostname
        )
    there = select(Instance.id).where(Instance.hostname == hostname, Instance.state != State.REMOVED)
    instance_id = db.session.scalar(there)
    if instance_id:
        raise Conflict(
            "The host name %(hostname)s belongs to another instance already: %(instance_id)s.",
            hostname=hostname,
            instance_id=str(instance_id),
        )
    return hostname


def _ports_taken() -> dict[UUID, set[int]]:
    taken: dict[UUID, set[int]] = defaultdict(set)
    for host_id, port in db.session.execute(
        select(Instance.host_id, Instance.port).where(Instance.state != State.REMOVED)
    ):
        taken[host_id].add(port)
    return taken
