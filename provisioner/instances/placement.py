"""Finding a host and a port for a new instance."""

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


def _ports_taken() -> dict[UUID, set[int]]:
    taken: dict[UUID, set[int]] = defaultdict(set)
    for host_id, port in db.session.execute(
        select(Instance.host_id, Instance.port).where(Instance.state != State.REMOVED)
    ):
        taken[host_id].add(port)
    return taken
