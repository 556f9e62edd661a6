"""How much later a job ends than the same playbook started by hand.

The playbook does next to nothing, so that no work of its own hides what the service adds; what it adds, in
milliseconds, is the same for a playbook that takes minutes.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

from machine import load

from tests.running import ENDED, Service, running, wait_for
from worker.run import FOLDER, PREFIX, WARM, scrubbed

PLAYBOOKS = Path(__file__).parents[1] / "tests/chaos/playbooks"
PLAYBOOK = "apps/sleeper/check.yml"
ROUNDS = 12
NAMES = {"fr": "Commune", "ar": "جماعة"}


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


@contextmanager
def service() -> Iterator[Service]:
    with tempfile.TemporaryDirectory(prefix="latency-") as folder:
        yield from running(Service(Path(folder), settings={"playbooks_dir": str(PLAYBOOKS)}))


def ended(served: Service, job: Any) -> Any:
    """The job at its end, which its own times tell: asking often would only slow it down."""
    while job["state"] not in ENDED:
        time.sleep(0.5)
        job = served.get(f"/jobs/{job['id']}")
    if job["state"] != "succeeded":
        raise SystemExit(f"a job ended as {job['state']}")
    return job


def instance(served: Service) -> str:
    """A new instance to act on."""
    made = served.post("/administrations", {"kind": "commune", "slug": "commune", "names": NAMES})
    wish = {"administration": made["id"], "app": "sleeper", "reason": "benchmark", "settings": {"seconds": 0}}
    return str(ended(served, served.post("/requests", wish))["instance_id"])


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


def by_hand(inventory_file: Path) -> float:
    environment = scrubbed(os.environ) | {"ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg")}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory_file), PLAYBOOK]
    begin = time.monotonic()
    subprocess.run(command, cwd=PLAYBOOKS, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - begin


def seconds(job: Any, first: str, last: str) -> float:
    return (datetime.fromisoformat(job[last]) - datetime.fromisoformat(job[first])).total_seconds()


def one(served: Service, instance_id: str, inventory_file: Path) -> Round:
    begin = time.monotonic()
    job = check(served, instance_id)
    answer = time.monotonic() - begin
    job = ended(served, job)
    queued, total = seconds(job, "queued_at", "started_at"), seconds(job, "queued_at", "finished_at")
    return Round(answer, queued, total, by_hand(inventory_file))


def measure() -> list[Round]:
    with service() as served:
        instance_id = instance(served)
        inventory_file = served.state_dir / "inventory.yml"
        inventory_file.write_text(inventory(served, instance_id))
        by_hand(inventory_file)  # once for the caches
        return [one(served, instance_id, inventory_file) for _ in range(ROUNDS)]


def main() -> None:
    print(f"One job, {ROUNDS} times, each beside the same playbook by hand; {load()}")
    rounds = measure()
    hand = median(each.by_hand for each in rounds)
    print(f"{'':34}{'median ms':>10}{'slowest':>10}{'of by hand':>12}")
    for name, what in (
        ("ansible-playbook by hand", "by_hand"),
        ("a job, accepted to succeeded", "total"),
        ("added by the service", "added"),
        ("  of it accepted to running", "queued"),
        ("answer of the API (202)", "answer"),
    ):
        times = [getattr(each, what) for each in rounds]
        print(f"{name:34}{median(times) * 1000:10.0f}{max(times) * 1000:10.0f}{median(times) / hand:11.2f}x")


if __name__ == "__main__":
    main()
