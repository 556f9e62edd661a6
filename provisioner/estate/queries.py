"""Questions about the servers and what lies on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from provisioner.catalogue.models import App
from provisioner.db import Json
from provisioner.estate import remaining
from provisioner.estate.remaining import Progress
from provisioner.hosts import queries as hosts, weighing
from provisioner.hosts.balancing import Why, rebalance
from provisioner.hosts.models import Host, HostState
from provisioner.hosts.weighing import Unfit
from provisioner.instances import queries as instances, rooms
from provisioner.instances.placement import NoRoom
from provisioner.instances.rooms import Taken

TOLD = (
    "id", "name", "address", "connection", "site", "country", "state", "prepared", "isolated", "slots", "parked_at",
    "probe_at", "memory_mb", "disk_mb", "labels", "port_first", "port_last",
)  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """A host and what its instances, planned ones among them, have taken of it."""

    host: Host
    used: Taken
    drain: Progress | None = None

    @property
    def facts(self) -> Json:
        """What is told of it, as it is now: a dry run is undone before it is answered."""
        ssh = self.host.facts.get("ssh")
        plain = {name: getattr(self.host, name) for name in TOLD}
        return {
            **plain,
            "ssh": ssh and {**ssh, "fingerprints": self.host.fingerprints},
            "used": self.used,
            "drain": self.drain,
        }


def every() -> list[Standing]:
    """All hosts by name: an estate has a few dozen."""
    used = rooms.taken()
    return [_standing(host, used) for host in hosts.every()]


def by_name(name: str) -> Standing:
    """The host; NotFound if there is none."""
    host = hosts.by_name(name)
    return _standing(host, rooms.taken())


def _standing(host: Host, used: Mapping[UUID, Taken]) -> Standing:
    draining = host.state is HostState.DRAINING
    return Standing(host, used[host.id], remaining.progress(host) if draining else None)


@dataclass(frozen=True)
class Share:
    """`refusal`: why the host would get no more."""

    host: str
    instances: int
    refusal: Unfit | None


@dataclass(frozen=True)
class Outlook:
    """Where instances of an app would go. `stopped`: why there would be no room for one more, if so."""

    app: str
    count: int
    shares: Sequence[Share]
    stopped: NoRoom | None

    @property
    def placed(self) -> int:
        return sum(share.instances for share in self.shares)


def outlook(app: App, count: int) -> Outlook:
    """Where so many more instances of the app would go, as things stand."""
    need = rooms.need_of(app)
    foreseen = rooms.foresee(need, count)
    shares = [
        Share(room.name, foreseen.placed.get(room.name, 0), weighing.unfit(room, need)) for room in foreseen.rooms
    ]
    stopped = None if weighing.best(foreseen.rooms, need) else NoRoom(app, need, foreseen.rooms)
    return Outlook(app.slug, count, shares, stopped)


@dataclass(frozen=True)
class Proposal:
    """`instance`: a row of the inventory."""

    instance: Any
    source: str
    to: str
    why: Why

    @property
    def instance_id(self) -> UUID:
        found: UUID = self.instance.id
        return found


def balance() -> list[Proposal]:
    """The moves that would even out the use of memory, and empty the hosts that shall be empty; a short list."""
    moves = rebalance(rooms.rooms(), rooms.lodgers())
    rows = instances.by_ids(move.lodger.key for move in moves)
    return [Proposal(rows[move.lodger.key], move.lodger.host, move.to, move.why) for move in moves]
