"""How much later a job ends than the same playbook started by hand, and a burst of jobs beside as many by hand.

The playbook does next to nothing, so that no work of its own hides what the service adds; what it adds, in
milliseconds, is the same for a playbook that takes minutes.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

from machine import cores, load
from meter import computed
from served import Course, Subject, subject

from tests.running import ENDED, Service, wait_for
from worker.run import FOLDER, PREFIX, WARM, scrubbed

PLAYBOOKS = Path(__file__).parents[1] / "tests/chaos/playbooks"
PLAYBOOK = "apps/sleeper/check.yml"
ROUNDS = 12
BURST, BURSTS = 50, 3
SETTINGS = '{"seconds": 0, "guarded": false}'


@dataclass(frozen=True)
class Round:
    """Seconds of one job, and of the same playbook by hand right after it."""

    answer: float  # the call of the API
    queued: float  # accepted to running
    total: float  # accepted to succeeded
    by_hand: float

    @property
    def added(self) -> float:
        return self.total - self.by_hand


def ended(served: Service, job: Any) -> Any:
    """The job at its end, which its own times tell: asking often would only slow it down."""
    while job["state"] not in ENDED:
        time.sleep(0.5)
        job = served.get(f"/jobs/{job['id']}")
    if job["state"] != "succeeded":
        raise SystemExit(f"a job ended as {job['state']}")
    return job


def check(served: Service, instance_id: str) -> Any:
    return served.post(f"/instances/{instance_id}/check", {"reason": "benchmark"})


def inventory(served: Service, instance_id: str) -> str:
    """The inventory that a worker gives to ansible-playbook, for a run by hand."""
    job = check(served, instance_id)
    text = wait_for("the run", lambda: next(filter(lambda each: job["id"] in each, inventories()), ""))
    ended(served, job)
    return str(text).replace(f'"{WARM}"', '"local"')  # by hand nothing stands ready


def inventories() -> Iterator[str]:
    """Those of all runs."""
    for file in FOLDER.glob(f"{PREFIX}*/inventory.yml"):
        with suppress(FileNotFoundError):
            yield file.read_text()


def by_hand(inventory_file: Path) -> tuple[float, float]:
    """Seconds on the wall, and on the processors."""
    environment = scrubbed(os.environ) | {"ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg")}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory_file), PLAYBOOK]
    begin = time.monotonic()
    spent = computed(command, cwd=PLAYBOOKS, env=environment)
    return time.monotonic() - begin, spent


def seconds(job: Any, first: str, last: str) -> float:
    return (datetime.fromisoformat(job[last]) - datetime.fromisoformat(job[first])).total_seconds()


def one(there: Subject, instance_id: str, inventory_file: Path) -> Round:
    """Both while nothing else is done: also the sandbox of the next job stands before its playbook begins by hand."""
    served = there.served
    there.rest()
    begin = time.monotonic()
    job = check(served, instance_id)
    answer = time.monotonic() - begin
    job = ended(served, job)
    queued, total = seconds(job, "queued_at", "started_at"), seconds(job, "queued_at", "finished_at")
    there.rest()
    return Round(answer, queued, total, by_hand(inventory_file)[0])


@dataclass(frozen=True)
class Burst:
    singly: Course
    at_once: Course
    by_hand: float  # seconds of one, on the wall
    computed: float  # and on a processor


def burst(there: Subject, ids: list[str], inventory_file: Path) -> Burst:
    def singly() -> None:
        for instance_id in ids:
            check(there.served, instance_id)

    def at_once() -> None:
        wish = {"app": "sleeper", "action": "check", "instances": ids, "reason": "benchmark"}
        there.served.post("/instances/actions", wish)

    courses = there.course(singly), there.course(at_once)
    return Burst(*courses, *by_hand(inventory_file))


def show_rounds(rounds: list[Round]) -> None:
    hand = median(each.by_hand for each in rounds)
    print(f"{'':40}{'median ms':>10}{'slowest':>10}{'of by hand':>12}")
    for name, what in (
        ("ansible-playbook by hand", "by_hand"),
        ("a job, accepted to succeeded", "total"),
        ("added by the service", "added"),
        ("  of it accepted to running", "queued"),
        ("answer of the API (202)", "answer"),
    ):
        times = [getattr(each, what) for each in rounds]
        print(f"{name:40}{median(times) * 1000:10.0f}{max(times) * 1000:10.0f}{median(times) / hand:11.2f}x")


def show_bursts(bursts: list[Burst], number: int) -> None:
    wall = number * median(each.by_hand for each in bursts) / cores()
    cpu = number * median(each.computed for each in bursts)
    print(f"\n{f'{number} jobs':40}{'wall s':>10}{'of by hand':>12}{'CPU s':>10}{'of by hand':>12}")
    print(f"{f'{number} by hand, on {cores()} cores':40}{wall:10.1f}{1:11.2f}x{cpu:10.1f}{1:11.2f}x")
    for name, what in ((f"{number} requests", "singly"), ("one request", "at_once")):
        courses = [getattr(each, what) for each in bursts]
        took, spent = median(each.wall for each in courses), median(each.cpu for each in courses)
        print(f"{name:40}{took:10.1f}{took / wall:11.2f}x{spent:10.1f}{spent / cpu:11.2f}x")


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--rounds", type=int, default=ROUNDS, help="jobs one by one; %(default)s")
    wanted.add_argument("--burst", type=int, default=BURST, help="jobs of a burst; %(default)s")
    wanted.add_argument("--bursts", type=int, default=BURSTS, help="%(default)s")
    given = wanted.parse_args()
    print(f"One job, {given.rounds} times, each beside the same playbook by hand; {load()}")
    with subject(PLAYBOOKS) as there:
        there.enter("sleeper", "1.0", given.burst, SETTINGS)
        ids = [str(each) for each in there.ids(given.burst)]
        inventory_file = there.served.state_dir / "inventory.yml"
        inventory_file.write_text(inventory(there.served, ids[0]))
        by_hand(inventory_file)  # once for the caches
        show_rounds([one(there, ids[0], inventory_file) for _ in range(given.rounds)])
        show_bursts([burst(there, ids, inventory_file) for _ in range(given.bursts)], given.burst)


if __name__ == "__main__":
    main()
