"""Which host suits an instance, and why the others do not. Pure: hosts as placement sees them, no database in sight."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from provisioner.hosts.models import HostState

NOT_LIMITED = 1.0  # the free share of a host that says nothing of its memory


class Unfit(StrEnum):
    """Why a host gets no instance of an app. The first that holds is told: those below could not mend it."""

    COUNTRY = "country"
    SITE = "site"
    STATE = "state"
    NOT_PREPARED = "not_prepared"
    LABELS = "labels"
    MEMORY = "memory"
    DISK = "disk"
    PORTS = "ports"


@dataclass(frozen=True)
class Need:
    """What one instance of an app takes. `country`: the only one in which its data may lie; None: anywhere.

    `site`: of the host that it leaves; None: it is new.
    """

    memory_mb: int
    disk_mb: int
    labels: frozenset[str] = frozenset()
    country: str | None = None
    site: str | None = None


@dataclass(frozen=True)
class Room:
    """A host and what its instances, planned ones among them, have taken of it. None: not limited.

    `sites`: those from which instances can be brought to it, for a worker reaches the hosts of both.
    """

    name: str
    country: str
    sites: frozenset[str] = frozenset()
    state: HostState = HostState.ACTIVE
    prepared: bool = True
    parked: bool = False
    labels: frozenset[str] = frozenset()
    memory_mb: int | None = None
    disk_mb: int | None = None
    free_ports: int | None = None  # None: its instances need none
    instances: int = 0
    memory_taken: int = 0
    disk_taken: int = 0

    @property
    def free_share(self) -> float:
        """Of its memory; below zero where more was promised than there is."""
        return NOT_LIMITED if self.memory_mb is None else 1 - self.memory_taken / self.memory_mb

    def with_one(self, need: Need, times: int = 1) -> "Room":
        """The same with so many instances more, or fewer."""
        return replace(
            self,
            free_ports=None if self.free_ports is None else self.free_ports - times,
            instances=self.instances + times,
            memory_taken=self.memory_taken + need.memory_mb * times,
            disk_taken=self.disk_taken + need.disk_mb * times,
        )


RULES: dict[Unfit, Callable[[Room, Need], bool]] = {
    Unfit.COUNTRY: lambda room, need: need.country in {None, room.country},
    Unfit.SITE: lambda room, need: need.site is None or need.site in room.sites,
    Unfit.STATE: lambda room, _: room.state is HostState.ACTIVE,
    Unfit.NOT_PREPARED: lambda room, _: room.prepared,
    Unfit.LABELS: lambda room, need: need.labels <= room.labels,
    Unfit.MEMORY: lambda room, need: room.memory_mb is None or room.memory_taken + need.memory_mb <= room.memory_mb,
    Unfit.DISK: lambda room, need: room.disk_mb is None or room.disk_taken + need.disk_mb <= room.disk_mb,
    Unfit.PORTS: lambda room, _: room.free_ports is None or room.free_ports > 0,
}
ORDER = list(Unfit)


def unfit(room: Room, need: Need) -> Unfit | None:
    """Why the host does not suit; None if it does."""
    return next((why for why in ORDER if not RULES[why](room, need)), None)


def best(rooms: Sequence[Room], need: Need) -> Room | None:
    """One that answers, then the most free share of memory, then the fewest instances, then the name; or None.

    One that does not answer right now is better than none: jobs wait for it, and it is looked for all the time.
    """
    fitting = [room for room in rooms if unfit(room, need) is None]
    return min(fitting, key=lambda room: (room.parked, -room.free_share, room.instances, room.name), default=None)


def hindrance(rooms: Sequence[Room], need: Need) -> Unfit | None:
    """What stands in the way of the hosts that come nearest to suiting, where none does; None without any host."""
    reasons = [why for room in rooms if (why := unfit(room, need))]
    return max(reasons, key=ORDER.index, default=None)


@dataclass(frozen=True)
class Foresight:
    """`placed`: how many instances each host would get, by its name. `rooms`: the hosts after that."""

    placed: dict[str, int]
    rooms: tuple[Room, ...]


def foresee(rooms: Sequence[Room], need: Need, count: int) -> Foresight:
    """Where so many instances would go one after the other, until there is room for no more."""
    left = {room.name: room for room in rooms}
    placed: Counter[str] = Counter()
    while placed.total() < count and (chosen := best(list(left.values()), need)):
        left[chosen.name] = chosen.with_one(need)
        placed[chosen.name] += 1
    return Foresight(dict(placed), tuple(left.values()))
