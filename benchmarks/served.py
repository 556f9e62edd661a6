"""A whole service whose parts are told apart by what they compute. Instances are entered past its doors, for thousands
of first provisionings are not what is measured.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.append(str(Path(__file__).parents[1]))

from estate import Cost
from meter import Meter
from sqlalchemy import text

from provisioner.app import create_app
from provisioner.audit.service import Actor, Via, acting
from provisioner.config import PREFIX, Settings
from provisioner.db import db, transaction
from provisioner.demo import people
from tests.running import Service, running, wait_for
from worker import processes

RUNS, WORKER, DATABASE, BROKER = "runs", "worker", "PostgreSQL", "Valkey"
HOST, REST = "host", "rest"  # what serves the instances; what starts the service
# By words of the command line, the first that fit.
PARTS = {
    "/host/postgres": HOST,
    "supervisor.supervisord": HOST,
    "/postgres/data": DATABASE,
    "valkey-server": BROKER,
    "gunicorn": "web",
    "celery": WORKER,
    "worker.dispatcher": "dispatcher",
}
ENGINE = ("web", "dispatcher", WORKER, DATABASE, BROKER)
STILL = 3  # looks in a row
SLOTS = 16  # of the host, and of the app's jobs: more than two workers take at once

ENTER = """
    INSERT INTO instance (id, short_id, administration_id, app_id, environment, host_id, port, hostname, address, state,
                          desired_release_id, applied_release_id, settings, health)
    SELECT gen_random_uuid(), 'i' || lpad(n::text, 9, '0'), administration_id, app_id, 'production', host.id, 30000 + n,
           hostname, 'http://127.0.0.1:' || (30000 + n) || '/', 'active', release.id, release.id,
           CAST(:settings AS jsonb), 'healthy'
    FROM (SELECT administration.id AS administration_id, app.id AS app_id,
                 row_number() OVER (ORDER BY administration.slug) AS n,
                 app.slug || '-' || administration.slug AS hostname
          FROM administration, app WHERE app.slug = :app) AS wanted
    JOIN release USING (app_id), host WHERE release.version = :version AND n <= :number
"""
IDS = "SELECT instance.id FROM instance ORDER BY short_id LIMIT :number"
LEFT = "SELECT count(*) FROM job WHERE state IN ('queued', 'running', 'quiescing')"
ENDS = """
    SELECT state, count(*), extract(epoch FROM max(finished_at) - min(queued_at))::float FROM job
    WHERE queued_at >= :since GROUP BY state
"""

WHY = """
    SELECT job.cause, job.report,
        (SELECT stdout FROM job_event WHERE job_id = job.id AND kind = 'runner_on_failed' LIMIT 1)
    FROM job WHERE state <> 'succeeded' LIMIT 1
"""


@dataclass(frozen=True)
class Course:
    """What jobs took from the first one accepted to the last one concluded, and the service to be at rest again."""

    wall: float
    spent: Counter[str]  # CPU seconds by part
    peak: int  # bytes of all runs at the fullest moment

    def cost(self, instances: int) -> Cost:
        return Cost(instances, self.cpu, self.wall, self.peak, self.spent[HOST])

    @property
    def cpu(self) -> float:
        """The processors' time of the runs and of the engine."""
        return self.spent[RUNS] + self.engine

    @property
    def engine(self) -> float:
        return sum(self.spent[part] for part in ENGINE)


def own(pid: int) -> float:
    """Seconds of the process itself."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    return [each.pid for each in processes.below(pid) if each.parent == pid]


def _part(pid: int) -> str:
    line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return next((name for words, name in PARTS.items() if words in line), REST)


class Subject:
    """A running service, from outside and, for what no door offers, from inside."""

    def __init__(self, served: Service) -> None:
        self.served = served
        self._meters = {part: Meter(part) for part in {*PARTS.values(), REST}}
        for pid in _children(served.process.pid):
            self._meters[_part(pid)].add(pid, *(each.pid for each in processes.below(pid)))

    def close(self) -> None:
        """Once the service has stopped."""
        for meter in self._meters.values():
            meter.remove()

    def enter(self, app: str, version: str, number: int, settings: str) -> None:
        """So many instances of an app in a register that is as large as it must be."""
        people.enter_register()
        self.write(ENTER, app=app, version=version, number=number, settings=settings)
        self.write("UPDATE host SET slots = :slots", slots=SLOTS)

    def write(self, statement: str, **values: Any) -> None:
        with transaction() as session:
            session.execute(text(statement), values)

    def read(self, statement: str, **values: Any) -> list[Any]:
        with transaction() as session:
            return list(session.execute(text(statement), values).all())

    def ids(self, number: int) -> list[UUID]:
        return [row.id for row in self.read(IDS, number=number)]

    def spent(self) -> Counter[str]:
        """Seconds that each part has computed so far. Runs are what came of the worker and is not the worker."""
        counted = Counter({part: meter.seconds for part, meter in self._meters.items()})
        itself = sum(map(own, self._worker()))
        return counted + Counter({RUNS: counted[WORKER] - itself}) - Counter({WORKER: counted[WORKER] - itself})

    def _worker(self) -> list[int]:
        """Celery's own processes, the first of them the parent."""
        parent = next(pid for pid in _children(self.served.process.pid) if _part(pid) == WORKER)
        return [parent, *_children(parent)]

    def _pool(self) -> list[int]:
        return self._worker()[1:]

    def rest(self) -> None:
        """Wait until a sandbox stands ready for each process of the worker. It is a part of the next run."""
        still = 0

        def stands() -> bool:
            nonlocal still
            still = still + 1 if all(map(_stands, self._pool())) else 0
            return still >= STILL

        wait_for("sandboxes", stands, 120)

    def course(self, ask: Any) -> Course:
        """Ask for jobs, and follow them to their ends, which must be good ones."""
        self.rest()
        [now] = self.read("SELECT clock_timestamp() AS at")
        before, peak = self.spent(), 0
        ask()
        while self.read(LEFT)[0].count:
            peak = max(peak, self._memory())
            time.sleep(0.5)
        self.rest()
        spent = self.spent()
        spent.subtract(before)
        ends = self.read(ENDS, since=now.at)
        if [row.state for row in ends] != ["succeeded"]:
            raise SystemExit(f"jobs ended as {ends}: {self.read(WHY)}")
        return Course(ends[0][2], spent, peak)

    def _memory(self) -> int:
        return sum(processes.memory(processes.below(pid), 0) for pid in self._pool())


def _stands(pool: int) -> bool:
    """Whether the sandbox below has made all that waits in it, and does nothing any more."""
    tree = processes.below(pool)
    waiting = [processes.command(each) for each in tree]
    made = all(any(word in line for line in waiting) for word in ("(controller)", "(target)"))
    return made and not any(_computes(each.pid) for each in tree)


def _computes(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "S"
    except OSError:
        return True


@contextmanager
def subject(playbooks: Path, **settings: str) -> Iterator[Subject]:
    """A service with these playbooks."""
    with tempfile.TemporaryDirectory(prefix="served-") as folder:
        service = Service(Path(folder), settings={"playbooks_dir": str(playbooks), **settings})
        with of(service) as there:
            yield there


@contextmanager
def of(service: Service) -> Iterator[Subject]:
    os.environ[f"{PREFIX}STATE_DIR"] = str(service.state_dir)  # so that its keys are found here as well
    there = None
    try:
        for served in running(service):
            there = Subject(served)
            app = create_app(Settings(state_dir=service.state_dir))
            with app.app_context(), acting(Actor(Via.CLI, on_behalf_of="benchmark")):
                yield there
                db.session.remove()
                db.engine.dispose()
    finally:
        if there:
            there.close()
