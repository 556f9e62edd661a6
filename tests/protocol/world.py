"""A world with a clock of its own: who acts in it, what goes wrong in it, and the log of all that can be seen."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from random import Random
from typing import TypeVar

from tests.protocol.model import Protocol

Answer = TypeVar("Answer")
Process = Iterator[float]  # each step says after how many seconds the next one follows


class Away(Exception):
    """The database gave no answer. What was asked may have been done all the same."""


class Kind(StrEnum):
    # on the target
    KNOCK = "reaches for the host"
    START = "starts to act"
    ACT = "acts"
    END = "has done all"
    LINGER = "still acts, its line lost"
    # answers of the database
    ACCEPTED = "is accepted"
    REFUSED = "refused, for there is"
    CANCELLED = "is cancelled or to be stopped"
    RETRIED = "is to be tried again"
    SETTLED = "is what a person says:"
    CLAIMED = "is claimed"
    CONCLUDED = "is concluded"
    DRAINED = "begins nothing new"
    UNDRAINED = "begins jobs again"
    RESTORED = "is as it was in the backup"
    # what goes wrong
    FAULT = "!"


@dataclass(frozen=True)
class Entry:
    at: float
    kind: Kind
    job: int = 0
    instance: str = ""
    fence: int = 0
    host: str = ""
    more: str = ""
    since: float = 0.0  # when the backup was taken, the attempt claimed

    def __str__(self) -> str:
        whose = f"job {self.job:<3}" if self.job else 7 * " "
        fence = f"fence {self.fence}" if self.fence else ""
        return f"{self.at:8.1f}  {whose} {self.instance:4} {self.kind} {fence} {self.host} {self.more}".rstrip()


@dataclass
class Faults:
    """How likely each is: of a worker's step, an answer, a bell; or the times during which something is away."""

    until: float = 0.0  # after that nothing goes wrong any more
    kill: float = 0.0
    pause: float = 0.0
    lost_reply: float = 0.0
    lost_bell: float = 0.0
    doubled_bell: float = 0.0
    broken: float = 0.0  # a playbook that fails or breaks of itself
    linger: float = 0.0  # the longest that what was killed goes on
    away: list[tuple[float, float, str]] = field(default_factory=list)  # from, to, for whom; "" for everybody
    hosts_away: list[tuple[float, float, str]] = field(default_factory=list)


class World:
    def __init__(self, protocol: Protocol, faults: Faults, random: Random) -> None:
        self.protocol = protocol
        self.faults = faults
        self.random = random
        self.now = 0.0
        self.log: list[Entry] = []
        self.guards: dict[str, int] = {}  # the highest fence that each target has seen
        self._next: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        for start, end, name in [*faults.away, *faults.hosts_away]:
            self.at(
                start, lambda name=name, end=end: self.note(Kind.FAULT, more=f"{name or 'all'} cut off to {end:.1f}")
            )

    def at(self, moment: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._next, (moment, next(self._numbers), act))

    def start(self, process: Process) -> None:
        """Carry a process out that nothing can stop."""

        def step() -> None:
            pause = next(process, None)
            if pause is not None:
                self.at(self.now + pause, step)

        step()

    def run(self, until: float, finished: Callable[[], bool]) -> None:
        """Until that time, or until everything has come to its end after the last fault."""
        look = self.faults.until
        while self._next and self.now < until:
            self.now, _, act = heapq.heappop(self._next)
            act()
            if self.now >= look:
                if finished():
                    return
                look = self.now + 30

    def note(self, kind: Kind, **facts: object) -> None:
        self.log.append(Entry(self.now, kind, **facts))  # type: ignore[arg-type]

    def happens(self, probability: float) -> bool:
        """Roll the dice for a fault."""
        return self.now < self.faults.until and self.random.random() < probability

    def transaction(self, who: str, verb: Callable[[Protocol], Answer]) -> Answer:
        """Ask the database; Away if it does not answer, which it may do before or after it has acted."""
        if self._during(self.faults.away, {"", who.split(":", maxsplit=1)[0]}):
            raise Away
        self.protocol.now, self.protocol.chance = self.now, self.random.random()
        answer = verb(self.protocol)
        if self.happens(self.faults.lost_reply):
            self.note(Kind.FAULT, more=f"the answer to {who} is lost")
            raise Away
        return answer

    def is_host_away(self, host: str) -> bool:
        return self._during(self.faults.hosts_away, {host})

    def _during(self, times: list[tuple[float, float, str]], names: set[str]) -> bool:
        return any(start <= self.now < end and name in names for start, end, name in times)
