"""What it costs to ask for an update of 2,000 and of 20,000 instances at once, and again when nothing is left to do.

Whole requests through the WSGI app to a real PostgreSQL, of two services that are asked by turns. Time on a processor
is that of this process and of all of PostgreSQL.
"""

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

from lists import INSTANCES, OLD, database_time, settle
from machine import load
from registers import Subject, enter_more, subject
from sqlalchemy import text

from provisioner.accounts.policy import Role
from provisioner.db import transaction
from provisioner.demo import people
from tests import factories
from tests.factories import Api

APP, NEW, ROUNDS = "complaints", "2.0", 3
SIZES = (2_000, 20_000)

# The end of all jobs without their runs: what is in place is what was ordered.
DONE = """
    UPDATE instance SET applied_release_id = job.release_id, applied_digest = job.desired_digest
        FROM job WHERE job.instance_id = instance.id AND job.state = 'queued';
"""
ENDED = "UPDATE job SET state = 'succeeded', finished_at = clock_timestamp() WHERE state = 'queued'"
BACK = """
    UPDATE instance SET applied_release_id = release.id, desired_release_id = release.id, applied_digest = NULL
        FROM release WHERE release.app_id = instance.app_id AND release.version = :version
"""


@dataclass(frozen=True)
class Cost:
    wall: float
    processor: float


@dataclass(frozen=True)
class Asking:
    """A service with so many instances of one app."""

    there: Subject
    api: Api
    size: int

    def ask(self, outcome: str) -> Cost:
        """Ask for an update of them all; every one must come to this outcome."""
        with self.there.app.app_context():
            begin, computed = time.monotonic(), time.process_time() + database_time(self.there.layout)
            answer = self.api.post("/instances/actions", json=WISH)
            wall = time.monotonic() - begin
            processor = time.process_time() + database_time(self.there.layout) - computed
        counts: Any = answer.json
        if answer.status_code != HTTPStatus.ACCEPTED or counts["counts"][outcome] != self.size:
            raise SystemExit(f"{answer.status}: {answer.text[:500]}")
        return Cost(wall, processor)

    def write(self, *statements: str) -> None:
        with self.there.app.app_context(), transaction() as session:
            for statement in statements:
                session.execute(text(statement), {"version": OLD})

    def round(self) -> tuple[Cost, Cost]:
        """Accepted, and asked again when all of it is done."""
        accepted = self.ask("accepted")
        self.write(DONE, ENDED)
        unchanged = self.ask("unchanged")
        self.write(BACK)
        settle(self.there.layout)
        return accepted, unchanged


WISH = {"app": APP, "action": "update", "where": {}, "reason": "A security release"}


def asking(there: Subject, size: int) -> Asking:
    enter_more(max(0, size - people.enter_register()))
    factories.host(ports=(1024, 65535))
    factories.app(APP, (OLD, NEW))
    with transaction() as session:
        session.execute(text(f"{INSTANCES} AND n <= :size"), {"version": OLD, "size": size})
    settle(there.layout)
    return Asking(there, Api(there.app, Role.OPERATOR), size)


def told(name: str, few: list[Cost], many: list[Cost]) -> None:
    for unit in ("wall", "processor"):
        small, large = (median(getattr(cost, unit) for cost in costs) for costs in (few, many))
        each = [cost / size * 1000 for cost, size in zip((small, large), SIZES, strict=True)]
        ratio = f"{each[1] / each[0]:9.2f}x"
        print(f"{name:12}{unit:12}{small:9.2f} s{large:9.2f} s{each[0]:10.3f} ms{each[1]:10.3f} ms{ratio}", flush=True)


def main() -> None:
    print(f"One request for many instances; {load()}")
    with ExitStack() as stack:
        services = [asking(stack.enter_context(subject()), size) for size in SIZES]
        rounds = [[service.round() for service in services] for _ in range(ROUNDS + 1)][1:]
        print(f"{'median':24}{SIZES[0]:11,}{SIZES[1]:11,}{'each of':>13}{'each of':>13}{'ratio':>10}")
        for number, name in enumerate(("accepted", "unchanged")):
            told(name, [few[number] for few, _ in rounds], [many[number] for _, many in rounds])


if __name__ == "__main__":
    main()
