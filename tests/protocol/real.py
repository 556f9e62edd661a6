"""The service itself, on PostgreSQL, with the verbs and the rows of the model; its clock is moved by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import text

from provisioner.catalogue.models import App, Release
from provisioner.db import db, transaction
from provisioner.errors import Conflict, OperationInProgress
from provisioner.hosts import service as hosts
from provisioner.instances import service as instances
from provisioner.instances.lifecycle import Action, State
from provisioner.instances.models import Instance
from provisioner.jobs import attempts, claiming, events, recovery
from provisioner.jobs.attempts import Claim, Fenced
from provisioner.jobs.claiming import Batch
from provisioner.jobs.lifecycle import JobState, Resolution, SlotScope
from provisioner.requests import service as requests
from provisioner.workers import service as workers
from provisioner.workers.lifecycle import DrainScope
from tests import factories
from tests.protocol import rows
from tests.protocol.rows import Outcome, Setup

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
# A schema that is searched before the server's own, so that our code asks this clock and not the real one.
CLOCK = """
    CREATE SCHEMA fake;
    CREATE TABLE fake.clock AS SELECT CAST(%(epoch)s AS timestamptz) AS now;
    CREATE FUNCTION fake.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT now FROM fake.clock';
    GRANT USAGE ON SCHEMA fake TO provisioner_app;
    GRANT SELECT ON fake.clock TO provisioner_app;
    ALTER ROLE provisioner_app IN DATABASE test SET search_path = fake, pg_catalog, public;
"""
NO_CLOCK = "ALTER ROLE provisioner_app IN DATABASE test RESET search_path; DROP SCHEMA fake CASCADE"
# Back to the beginning, past all triggers.
RESET = """
    SET session_replication_role = replica;
    DELETE FROM job_event; UPDATE slot SET run_id = NULL; DELETE FROM job; DELETE FROM drain; DELETE FROM request;
    DELETE FROM request_outcome; DELETE FROM instance_secret WHERE job_id IS NOT NULL;
    DELETE FROM audit_event; UPDATE instance SET port = NULL;
    UPDATE fence SET value = 0; UPDATE host SET parked_at = NULL, probe_at = NULL;
    UPDATE fake.clock SET now = CAST(%(epoch)s AS timestamptz);
    SET session_replication_role = origin;
"""


@contextmanager
def clock(superuser: psycopg.Connection) -> Iterator[None]:
    """Within it the application asks a clock that stands still."""
    with psycopg.ClientCursor(superuser) as cursor:
        cursor.execute(CLOCK, {"epoch": EPOCH})
    db.engine.dispose()
    try:
        yield
    finally:
        db.session.remove()
        db.engine.dispose()
        superuser.execute(NO_CLOCK)


class Real:
    def __init__(self, setup: Setup, superuser: psycopg.Connection) -> None:
        self.superuser = superuser
        self._setup = setup
        self._numbers: dict[UUID, int] = {}
        self._enter()

    def _enter(self) -> None:
        """The estate, entered once; `reset` brings it back to its beginning."""
        ports = iter(range(20000, 30000, 1000))
        self._hosts = {
            name: factories.host(name, (first := next(ports), first + 999), site)
            for name, site in self._setup.sites.items()
        }
        self._apps = {name: factories.app(name) for name in self._setup.retry_safe}
        self._instances = {}
        for name, wanted in self._setup.instances.items():
            self._instances[name] = factories.asked(factories.administration(name).id, wanted.app).instance_id
        factories.worker("between", tuple(set(self._setup.sites.values())))  # so that instances may move to any host
        self.superuser.execute("UPDATE worker SET seen_at = 'infinity'")
        self._ports = dict(zip(self._instances, count(10000), strict=False))
        self._hosts = {name: host.id for name, host in self._hosts.items()}
        self._releases = {name: [release.id for release in app.releases] for name, app in self._apps.items()}
        self._apps = {name: app.id for name, app in self._apps.items()}
        self._names = {id_: name for names in (self._hosts, self._apps, self._instances) for name, id_ in names.items()}

    def reset(self) -> None:
        db.session.rollback()
        with psycopg.ClientCursor(self.superuser) as cursor:
            cursor.execute(RESET, {"epoch": EPOCH})
        self._numbers.clear()
        self.now = 0.0
        with transaction() as session:
            for name, wanted in self._setup.instances.items():
                row = session.get_one(Instance, self._instances[name])
                release = self._releases[wanted.app][0]
                row.state, row.host_id, row.desired_release_id = wanted.state, self._hosts[wanted.host], release
                row.applied_release_id = release if wanted.applied else None
                row.port = self._ports[name]
            for name, safe in self._setup.retry_safe.items():
                app = session.get_one(App, self._apps[name])
                app.manifest = app.manifest | {"retry_safe": sorted(safe), "timeouts": dict.fromkeys(Action, 600)}
        for (scope, owner), most in self._setup.caps.items():
            self.allow(scope, owner, most)

    def move_clock(self, now: float) -> None:
        self.now = now
        self.superuser.execute("UPDATE fake.clock SET now = %s", [EPOCH + timedelta(seconds=now)])

    def _job_id(self, number: int) -> UUID:
        return next(job_id for job_id, known in self._numbers.items() if known == number)

    # The verbs

    def ask(self, name: str, action: Action, *, background: bool = False) -> int:
        try:
            with transaction() as session:
                instance = instances.held(self._instances[name])
                self._forget_progress(instance, self._releases[self._setup.instances[name].app][0])
                session.flush()
                accepted = requests.ask(instance.id, action, "test", background=background)
                assert accepted
                job = accepted.job
        except OperationInProgress as refused:
            raise rows.Busy(self._numbers[UUID(refused.details["job_id"])]) from None
        except Conflict:
            raise rows.NotAllowed from None
        self._numbers[job.id] = len(self._numbers) + 1
        return self._numbers[job.id]

    def _forget_progress(self, instance: Instance, first: UUID) -> None:
        """The model knows no releases: an update is never one too many."""
        if instance.applied_release_id:
            instance.applied_release_id = first
        instance.applied_digest = instance.failed_release_id = None

    def cancel(self, number: int) -> None:
        self._decided(lambda: instances.cancel(self._job_id(number), "test"))

    def resolve(self, number: int, resolution: Resolution) -> None:
        self._decided(lambda: instances.resolve(self._job_id(number), resolution, "test"))

    def _decided(self, verb: Any) -> None:
        try:
            with transaction():
                verb()
        except Conflict:
            raise rows.NotAllowed from None

    def claim(self, owner: str, sites: list[str]) -> Batch | None:
        worker, process = owner.split(":")
        with transaction():
            return claiming.claim(worker, sites, int(process))

    def begin(self, held: list[Claim]) -> set[int]:
        with transaction():
            return {self._numbers[job_id] for job_id in attempts.begin(held)}

    def heartbeat(self, held: Claim) -> rows.Beat:
        beat = self._fenced(lambda: factories.beaten(held))
        return rows.Beat(beat.cancel_requested, beat.past_deadline)

    def store(self, held: Claim, upto: int) -> None:
        said = [events.Event(counter, "verbose", "x") for counter in range(1, upto + 1)]
        self._fenced(lambda: factories.said(held, said))

    def conclude(self, held: Claim, wanted: Outcome) -> JobState:
        serves = {"health": "healthy", "active_version": self._applied(held)}
        as_before = {**serves, "secrets": "previous", "moved": "back"}
        report = as_before if wanted.serving else {}
        outcome = attempts.Outcome(wanted.end, touched=wanted.touched, report=report, events_emitted=wanted.emitted)
        return self._fenced(lambda: instances.conclude({held: outcome})[held.job_id])

    def _applied(self, held: Claim) -> str | None:
        release_id = db.session.get_one(Instance, held.instance_id).applied_release_id
        return db.session.get_one(Release, release_id).version if release_id else None

    def _fenced(self, verb: Any) -> Any:
        try:
            with transaction():
                return verb()
        except Fenced:
            raise rows.Fenced from None

    def reap(self) -> int:
        with transaction():
            return recovery.reap()

    def recover(self) -> None:
        with transaction():
            recovery.recover("test")

    def drain(self, scope: DrainScope, name: str) -> None:
        with transaction():
            workers.drain(scope, name, "test")

    def end_drain(self, scope: DrainScope, name: str) -> None:
        with transaction():
            workers.end_drain(scope, name, "test")

    def take_probes(self, sites: list[str]) -> list[str]:
        with transaction():
            return sorted(self._names[host.id] for host in hosts.take_probes(sites))

    def reopen(self, host: str) -> None:
        with transaction():
            hosts.reopen(self._hosts[host])

    def allow(self, scope: SlotScope, owner: str, most: int) -> None:
        with transaction() as session:
            if scope is SlotScope.HOST:
                session.execute(
                    text("UPDATE host SET slots = :most WHERE name = :owner"), {"most": most, "owner": owner}
                )
            else:
                app = session.get_one(App, self._apps[owner])
                app.manifest = app.manifest | {"concurrency": most}

    # The rows

    def seen(self) -> dict[str, Any]:
        """All that the model also knows, in its words."""
        db.session.rollback()
        return {
            "jobs": {self._numbers[row["id"]]: self._job(row) for row in _all(JOBS)},
            "fences": {self._names[row["instance_id"]]: row["value"] for row in _all("SELECT * FROM fence")},
            "slots": {
                (row["scope"], self._names[row["owner_id"]], row["number"]): self._jobs_of(row["run_id"])
                for row in _all("SELECT * FROM slot WHERE run_id IS NOT NULL")
            },
            "parked": {row["name"]: _seconds(row["probe_at"]) for row in _all("SELECT name, probe_at FROM host")},
            "instances": {
                self._names[row["id"]]: (
                    State(row["state"]),
                    row["applied_release_id"] is not None,
                    self._names[row["host_id"]],
                )
                for row in _all("SELECT id, state, applied_release_id, host_id FROM instance")
            },
            "drains": {(row["scope"], row["name"]) for row in _all("SELECT scope, name FROM drain")},
        }

    def _jobs_of(self, run_id: UUID) -> list[int]:
        return sorted(self._numbers[row["id"]] for row in _all(JOBS) if row["run_id"] == run_id)

    def _job(self, row: Any) -> dict[str, Any]:
        times = {name: _seconds(row[name]) for name in ("lease_until", "not_before", "deadline", "finished_at")}
        plain = {name: row[name] for name in PLAIN}
        asked = row["cancel_requested_at"] is not None
        places = {"host": self._names[row["host_id"]], "target": self._names.get(row["target_host_id"])}
        return plain | times | places | {"instance": self._names[row["instance_id"]], "cancel_requested": asked}


PLAIN = (
    "state", "cause", "attempt", "max_attempts", "fence", "owner", "giving_way", "touched", "begun",
    "background", "retry_safe", "action", "events_emitted", "events_stored",
)  # fmt: skip
JOBS = "SELECT * FROM job"


def _all(query: str) -> list[Any]:
    return list(db.session.execute(text(query)).mappings())


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else (moment - EPOCH).total_seconds()
