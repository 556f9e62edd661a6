"""What it costs to keep what a run says, and how soon after the end of a task a reader of its page sees it.

In the run: the same run by turns with our callback and with one that says nothing. What the two processes compute that
have to do with it, `ansible-playbook` and the supervisor, is told from all that they start. Outside: what worker and
PostgreSQL compute more for jobs with many tasks than for the same jobs with few.
"""

import argparse
import http.client
import json
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import median, quantiles

sys.path.append(str(Path(__file__).parents[1]))

import yaml
from counted import NOTES, SILENT
from machine import load
from meter import metered
from served import DATABASE, WORKER, Course, Subject, subject

from provisioner.accounts import sign_in
from provisioner.accounts.models import Session
from provisioner.accounts.policy import Role
from provisioner.db import transaction
from provisioner.instances.variables import RunOrder
from provisioner.jobs import claiming
from tests import factories
from tests.worker.playing import HERE, heard
from worker import processes, run

PLAYBOOKS = Path(__file__).parents[1] / "tests/chaos/playbooks"
APP = "talker"
FEW, MANY = 1, 31  # tasks of each instance
INSTANCES, ROUNDS = 10, 8
READY = 4  # seconds until all stands ready in a sandbox
LOOKS, PAUSE = 120, 100  # tasks whose way to the page is timed; milliseconds between two of them
SAY = """
- name: Do something small and say when it was done
  hosts: instances
  gather_facts: false
  tasks:
    - name: Do it
      ansible.builtin.ping:
      loop: "{{ range(parameters.words) | list }}"
      loop_control:
        pause: "{{ parameters.pause / 1000 }}"
        label: "{{ now(fmt='%s.%f') }}"
"""
LABEL = re.compile(rb"item=(\d+\.\d+)")


def project(folder: Path) -> Path:
    shutil.copytree(PLAYBOOKS, folder, ignore=shutil.ignore_patterns("__pycache__", "sleeper"))
    config = folder / "ansible.cfg"
    config.write_text(config.read_text().replace("../../../playbooks", str(PLAYBOOKS.parents[2] / "playbooks")))
    app = folder / "apps" / APP
    (app / "check.yml").write_text("---" + SAY)
    parameters = yaml.safe_load((app / "parameters.yml").read_text())
    parameters["options"]["pause"] = parameters["options"]["words"] | {"default": 0}
    (app / "parameters.yml").write_text(yaml.safe_dump(parameters, allow_unicode=True))
    return folder


@dataclass(frozen=True)
class Round:
    """CPU seconds of `MANY` tasks on each instance; `kept`: of `MANY - FEW`."""

    silent: float  # the whole run
    more: float  # ansible-playbook and supervisor, of a run that tells
    kept: float  # by worker and PostgreSQL


class Capture:
    def __init__(self, there: Subject, playbooks: Path) -> None:
        self._there = there
        self._playbooks = playbooks
        self._ids = [str(each) for each in there.ids(INSTANCES)]

    def round(self) -> Round:
        (silent, concerned), (_, telling) = (self._run(silent=silent) for silent in (True, False))
        few, many = [self._course(words) for words in (FEW, MANY)]
        many.spent.subtract(few.spent)
        return Round(silent, telling - concerned, many.spent[WORKER] + many.spent[DATABASE])

    def _course(self, words: int) -> Course:
        self.tell(words, 0)
        wish = {"app": APP, "action": "check", "instances": self._ids, "reason": "benchmark"}
        return self._there.course(lambda: self._there.served.post("/instances/actions", wish))

    def tell(self, words: int, pause: int) -> None:
        settings = json.dumps({"words": words, "pause": pause})
        self._there.write("UPDATE instance SET settings = CAST(:settings AS jsonb)", settings=settings)

    def _run(self, *, silent: bool) -> tuple[float, float]:
        """From the order on, in a sandbox that stands ready: CPU seconds of all, and of the two processes concerned."""
        each = HERE | {"parameters": {"words": MANY, "pause": 0}}
        instances = {f"i{number}": each for number in range(INSTANCES)}
        order = RunOrder(
            str(self._playbooks), f"apps/{APP}/check.yml", {}, instances, (), changed=False, forks=claiming.FORKS
        )
        with tempfile.NamedTemporaryFile("r") as notes, counted(notes.name, silent=silent):
            run.ready.prepare(order.project)
            time.sleep(READY)
            with metered("run") as meter, run.Run(order, "capture", 600, time.monotonic()) as playing:
                meter.add(playing.pid, *(process.pid for process in processes.below(playing.pid)))
                end = heard(playing)[-1]
                if end["end"] != "successful":
                    raise SystemExit(f"the run ended so: {end}")
                return meter.seconds, sum(map(float, notes))


@contextmanager
def counted(notes: str, *, silent: bool) -> Iterator[None]:
    """Sandboxes that are made now count themselves."""
    told = {
        "PYTHONPATH": os.pathsep.join(map(str, (Path(__file__).parent, Path(__file__).parents[1]))),
        NOTES: notes,
        SILENT: "yes" if silent else "",
    }
    before = run.SUPERVISOR, run.ALLOWED
    run.SUPERVISOR, run.ALLOWED = "counted", (*run.ALLOWED, *told)
    os.environ.update(told)
    yield
    run.SUPERVISOR, run.ALLOWED = before
    for name in told:
        del os.environ[name]


def reader(there: Subject) -> Iterator[float]:
    """Seconds from the end of each task to its line on an open page."""
    account, secret = factories.account(Role.VIEWER), secrets.token_urlsafe()
    with transaction() as session:
        session.add(Session(id_hash=sign_in.session_hash(secret), account_id=account.id))
    [instance_id] = there.ids(1)
    there.rest()
    job = there.served.post(f"/instances/{instance_id}/check", {"reason": "benchmark"})
    line = http.client.HTTPConnection("127.0.0.1", there.served.layout.web_port(), timeout=60)
    line.request("GET", f"/jobs/{job['id']}/stream", headers={"Cookie": f"provisioner={secret}"})
    opened, page = time.time(), line.getresponse()
    if page.status != HTTPStatus.OK:
        raise SystemExit(f"the stream answers {page.status}")
    while said := page.readline():
        for ended in map(float, LABEL.findall(said)):
            if ended > opened:
                yield time.time() - ended
    line.close()


def show_cost(rounds: list[Round]) -> None:
    number = MANY * INSTANCES
    silent = median(each.silent for each in rounds)
    more = median(each.more for each in rounds)
    kept = median(each.kept for each in rounds) * MANY / (MANY - FEW)
    print(f"\n{f'{number} tasks on {INSTANCES} instances':52}{'CPU s':>8}{'ms each':>9}{'of the run':>12}")
    for name, spent in (
        ("a run that says nothing", silent),
        ("callback and supervisor: a run that tells, more", more),
        ("stored by worker and PostgreSQL", kept),
        ("capture, both", more + kept),
    ):
        print(f"{name:52}{spent:8.2f}{spent / number * 1000:9.1f}{spent / silent:12.1%}")


def show_times(times: list[float]) -> None:
    p95 = quantiles(times, n=20)[-1]
    print(f"\nfrom the end of a task to its line on the open page, ms, {len(times)} tasks:")
    print(f"median {median(times) * 1000:.0f}, 95 of 100 within {p95 * 1000:.0f}, slowest {max(times) * 1000:.0f}")


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--rounds", type=int, default=ROUNDS, help="by turns; %(default)s")
    wanted.add_argument("--tasks", type=int, default=LOOKS, help="whose way to the page is timed; %(default)s")
    given = wanted.parse_args()
    print(f"Capture, {given.rounds} times by turns; {load()}")
    with tempfile.TemporaryDirectory(prefix="capture-") as folder:
        playbooks = project(Path(folder) / "project")
        with subject(playbooks) as there:
            there.enter(APP, "1.0", INSTANCES, "{}")
            capture = Capture(there, playbooks)
            capture.tell(given.tasks, PAUSE)
            show_times(list(reader(there)))
            show_cost([capture.round() for _ in range(given.rounds)])


if __name__ == "__main__":
    main()
