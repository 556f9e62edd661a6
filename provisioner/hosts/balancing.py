"""Which instances would better lie on another host. Pure; it proposes, people decide."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from provisioner.hosts.models import HostState
from provisioner.hosts.weighing import Need, Room, best, unfit

MOST = 20  # proposals: a list that somebody reads
WORTH = 0.05  # of memory: a move that evens out less is not worth the interruption


class Why(StrEnum):
    DRAINING = "draining"  # its host shall have no instances
    MEMORY = "memory"  # its host has less of its memory free than another will have with it


@dataclass(frozen=True)
class Lodger:
    """An instance that could be moved. `key` says which it is."""

    key: Any
    host: str
    need: Need


@dataclass(frozen=True)
class Move:
    lodger: Lodger
    to: str
    why: Why


def rebalance(rooms: Sequence[Room], lodgers: Sequence[Lodger], most: int = MOST) -> list[Move]:
    """At most so many moves, to be done in this order; each instance is in one of them at most."""
    estate = _Estate({room.name: room for room in rooms}, list(lodgers))
    moves: list[Move] = []
    for proposals in (_leaving, _evening):
        for move in proposals(estate):
            if len(moves) == most:
                return moves
            estate.do(move)
            moves.append(move)
    return moves


@dataclass
class _Estate:
    """The hosts as the moves so far leave them, and the instances that have not been moved."""

    rooms: dict[str, Room]
    lodgers: list[Lodger]

    @property
    def answering(self) -> list[Room]:
        """Those to which something can be moved."""
        return [room for room in self.rooms.values() if not room.parked]

    def kinds(self, room: Room) -> list[Lodger]:
        """Of its instances one for each need: those that need the same are as good as each other."""
        return list({each.need: each for each in reversed(self.lodgers) if each.host == room.name}.values())

    def do(self, move: Move) -> None:
        need = move.lodger.need
        self.rooms[move.lodger.host] = self.rooms[move.lodger.host].with_one(need, -1)
        self.rooms[move.to] = self.rooms[move.to].with_one(need)
        self.lodgers.remove(move.lodger)


def _leaving(estate: _Estate) -> Iterator[Move]:
    """The largest first, for they find a place least easily."""
    draining = [each for each in estate.lodgers if estate.rooms[each.host].state is HostState.DRAINING]
    for lodger in sorted(draining, key=lambda each: -each.need.memory_mb):
        to = best(estate.answering, lodger.need)
        if to:
            yield Move(lodger, to.name, Why.DRAINING)


def _evening(estate: _Estate) -> Iterator[Move]:
    """Ends: each move takes an instance out of the list."""
    while move := _most_useful(estate):
        yield move


def _most_useful(estate: _Estate) -> Move | None:
    """From the fullest host that can be relieved: the move after which the fuller of both has the most free."""
    for source in sorted(_limited(estate), key=lambda room: (room.free_share, room.name)):
        possible = [
            (relief, Move(lodger, target.name, Why.MEMORY))
            for lodger in estate.kinds(source)
            for target in _limited(estate)
            if target.name != source.name and unfit(target, lodger.need) is None
            if (relief := _relief(source, target, lodger.need)) >= WORTH
        ]
        if possible:
            return max(possible, key=lambda each: each[0])[1]
    return None


def _limited(estate: _Estate) -> list[Room]:
    """Of a host that says nothing of its memory nobody knows how full it is."""
    return [room for room in estate.answering if room.memory_mb and room.state is not HostState.DRAINING]


def _relief(source: Room, target: Room, need: Need) -> float:
    """How much more the fuller of both has free afterwards."""
    after = min(source.with_one(need, -1).free_share, target.with_one(need).free_share)
    return after - min(source.free_share, target.free_share)
