"""What it costs to move many small instances from one real server to another at once, beside one after the other.

Two machines that systemd boots here, and the whole service over them: it takes root, and a kernel that allows it
(tests/estate/machines.py). Everything runs on the same cores, the servers too; time is that of the clock, from asking
to the last conclusion. Instances go to and fro, so that each size begins with what another has left.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

from machine import load

from tests.estate.machines import why_not
from tests.estate.story import Estate, estate
from tests.running import wait_for

APP = "open-data"
SINGLES = 2  # one after the other they cost the same each: more would only take longer
SIZES = (2, 6, 12)
CACHE = Path(".pytest_cache/d/machines")
LONGEST = 1800  # seconds
WHY = {"reason": "a benchmark"}


@dataclass(frozen=True)
class Cost:
    instances: int
    wall: float
    still: Sequence[float]  # seconds in which each answered with a notice

    @property
    def each(self) -> float:
        return self.wall / self.instances


class Movers:
    """Two servers, and instances that all lie on one of them."""

    def __init__(self, given: Estate, number: int) -> None:
        self._given, self._service = given, given.service
        for machine in given.machines:
            given.enter(machine)
        other = given.machines[1].name
        given.turn("cordon", other)
        jobs = [given.asked(APP, f"commune-{each}") for each in range(number)]
        self.instances = [given.done(job)["id"] for job in jobs]
        given.turn("activate", other)

    def one_by_one(self, number: int) -> Cost:
        began = time.monotonic()
        jobs: list[Any] = []
        for each in self.instances[:number]:
            jobs.append(self._service.post(f"/instances/{each}/move", WHY))
            self._given.done(jobs[-1])
        return Cost(number, time.monotonic() - began, [self._still(job["id"]) for job in jobs])

    def at_once(self, number: int) -> Cost:
        """One request for all; they go where they suit best, which is the other server."""
        wish = {"app": APP, "action": "move", "instances": self.instances[:number], **WHY}
        began = time.monotonic()
        asked = self._service.post("/instances/actions", wish)
        jobs = wait_for("all to have moved", lambda: self._moved(asked["request_id"]), LONGEST)
        return Cost(number, time.monotonic() - began, [self._still(job["id"]) for job in jobs])

    def drained(self) -> Cost:
        """All of them, because their server shall be empty; it is looked at every 20 seconds."""
        began, full = time.monotonic(), self._given.machines[0].name
        self._given.turn("drain", full)
        wait_for(f"{full} to be empty", lambda: not self._given.on(full), LONGEST)
        return Cost(len(self.instances), time.monotonic() - began, [])

    def _still(self, job_id: str) -> float:
        """From the notice to the name in the proxy of the other server."""
        told = self._service.get(f"/jobs/{job_id}/events")["items"]
        ended = [each for each in told if each["kind"] == "runner_on_ok"]
        notice = next(each["at"] for each in ended if each["task"] == "Have it served in place of the app")
        served = next(each["at"] for each in ended if each["task"] == "Have the name in the proxy present")
        return (datetime.fromisoformat(served) - datetime.fromisoformat(notice)).total_seconds()

    def _moved(self, request_id: str) -> list[Any]:
        jobs = self._service.get(f"/jobs?request_id={request_id}&page_size=200")["items"]
        lost = [job for job in jobs if job["state"] not in {"queued", "running", "succeeded"}]
        if lost:
            raise SystemExit(f"did not move: {lost}")
        return jobs if all(job["state"] == "succeeded" for job in jobs) else []


@contextmanager
def movers(number: int) -> Iterator[Movers]:
    CACHE.mkdir(parents=True, exist_ok=True)
    if why := why_not(CACHE.absolute()):
        raise SystemExit(f"No servers can be booted here: {why}.")
    with tempfile.TemporaryDirectory() as folder, estate(Path(folder), CACHE.absolute(), 2) as given:
        yield Movers(given, number)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    given = parser.parse_args()
    print(f"Moves between two servers; {load()}")
    with movers(max(*given.sizes, SINGLES)) as there:
        there.one_by_one(1)  # the other server gets the runtime with the first
        there.one_by_one(1)
        singles, many = to_and_fro(there, given.rounds, given.sizes)
        drained = there.drained()
    base = median(cost.each for cost in singles)
    print(f"\n{'':20}{'instances':>10}{'wall s':>10}{'each s':>10}{'of one':>10}{'a minute':>10}{'still s':>10}")
    shown("one after the other", singles, base)
    for costs in many.values():
        shown("one request", costs, base)
    shown("a drain", [drained], base)


def to_and_fro(there: Movers, rounds: int, sizes: Sequence[int]) -> tuple[list[Cost], dict[int, list[Cost]]]:
    """By turns; what has moved comes back at once, and all lie on one server again."""
    singles: list[Cost] = []
    many: dict[int, list[Cost]] = {size: [] for size in sizes}
    for _ in range(rounds):
        singles += [there.one_by_one(SINGLES) for _ in range(2)]
        for size, costs in many.items():
            costs += [there.at_once(size) for _ in range(2)]
            print(f"{size}: {[round(cost.wall, 1) for cost in costs]}", file=sys.stderr, flush=True)
    return singles, many


def shown(name: str, costs: list[Cost], base: float) -> None:
    each, wall = median(cost.each for cost in costs), median(cost.wall for cost in costs)
    seconds = [second for cost in costs for second in cost.still]
    still = f"{median(seconds):10.1f}" if seconds else ""
    print(
        f"{name:20}{costs[0].instances:10}{wall:10.1f}{each:10.2f}{each / base:10.2f}{60 / each:10.1f}{still}",
        flush=True,
    )


if __name__ == "__main__":
    main()
