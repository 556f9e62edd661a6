"""Breaks things by a seeded schedule, several at a time, and mends them."""

import random
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field

from tests.chaos.estate import Estate
from tests.chaos.faults import FAULTS, GONE, Fault


@dataclass
class Wound:
    """A fault that was caused; `mended`: when it was over, as the database tells the time."""

    fault: Fault
    mending: AbstractContextManager[None]
    due: float
    mended: float = 0


@dataclass
class Injector:
    estate: Estate
    seed: int
    pause: tuple[float, float]  # between one fault and the next
    wounds: list[Wound] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        chance = random.Random(self.seed)
        deck = self._shuffled(chance, weighted=False)  # each of them once, before chance has its way
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            deck = deck or self._shuffled(chance, weighted=True)
            self._wait(min(end, time.monotonic() + chance.uniform(*self.pause)))
            busy = {wound.fault.target for wound in self.wounds if not wound.mended}
            free = [fault for fault in deck if fault.target not in busy]
            if free:
                deck.remove(free[0])
                self._break(free[0], chance)
        self._mend(all_of_them=True)

    def _shuffled(self, chance: random.Random, *, weighted: bool) -> list[Fault]:
        known = [fault for fault in FAULTS if self.estate.own_disks or not fault.needs_root]
        deck = [fault for fault in known for _ in range(fault.weight if weighted else 1)]
        chance.shuffle(deck)
        return deck

    def _wait(self, until: float) -> None:
        while time.monotonic() < until:
            self._mend()
            time.sleep(0.05)

    def _break(self, fault: Fault, chance: random.Random) -> None:
        mending = fault.breaking(self.estate, chance)
        due = time.monotonic() + chance.uniform(*fault.seconds)
        with suppress(*GONE):
            mending.__enter__()
            self.wounds.append(Wound(fault, mending, due))

    def _mend(self, *, all_of_them: bool = False) -> None:
        for wound in self.wounds:
            if not wound.mended and (all_of_them or time.monotonic() > wound.due):
                wound.mending.__exit__(None, None, None)
                wound.mended = time.time()
