"""What tests start from: administrations, apps, hosts, instances, people, made the way the service makes them."""

from collections.abc import Sequence
from contextvars import Context
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from provisioner.accounts import queries as accounts, service as account_service, tokens
from provisioner.accounts.models import Account, Credential, Identity
from provisioner.accounts.policy import Right, Role, rights_of
from provisioner.accounts.tokens import NewToken
from provisioner.administrations import service as register
from provisioner.administrations.models import Administration
from provisioner.administrations.service import NewAdministration
from provisioner.catalogue.models import App, Release, ReleaseState
from provisioner.db import Json, db, transaction
from provisioner.hosts import service as hosts
from provisioner.hosts.models import Connection, Host
from provisioner.hosts.service import Registration
from provisioner.instances import service as instances
from provisioner.instances.lifecycle import Action, Environment
from provisioner.instances.models import Instance
from provisioner.jobs import attempts, claiming, events, recovery
from provisioner.jobs.events import Event, Told
from provisioner.jobs.lifecycle import End, JobState
from provisioner.jobs.models import Job
from provisioner.requests import service as requests
from provisioner.requests.service import NewInstance
from provisioner.workers import service as workers
from provisioner.workers.service import Presence

numbers = count(1)
SITE = "here"


def administration(slug: str = "", kind: str = "commune", **more: Any) -> Administration:
    """`fr` and `ar` are its names; more are links and identifiers, as NewAdministration takes them."""
    slug = slug or f"commune-{next(numbers)}"
    names = {"fr": more.pop("fr", slug.title()), "ar": more.pop("ar", f"إدارة {slug}")}
    with transaction():
        return register.register(NewAdministration(kind=kind, names=names, slug=slug, **more))


def app(
    slug: str = "complaints",
    versions: tuple[str, ...] = ("1.0", "2.0"),
    parameters: tuple[Json, ...] = (),
    concurrency: int = 100,
    **more: Any,
) -> App:
    """An app in the catalogue, entered past the folders, for those cost a run of Ansible each; more is its manifest."""
    words = {"ar": f"تطبيق {slug}", "fr": f"App {slug}", "en": f"The {slug}"}
    actions = [action.value for action in Action]
    manifest = {
        "slug": slug,
        "category": "test",
        "owner": "The agency",
        "releases": list(versions),
        "actions": actions,
        "retry_safe": ["provision", "reconfigure", "check"],
        "timeouts": dict.fromkeys(actions, 60),
        "secrets": ["admin_password"],
        "concurrency": concurrency,
        "classification": "internal",
        "resources": {"memory_mb": 64, "disk_mb": 200},
        **more,
    }
    made = App(
        id=uuid4(), slug=slug, names=words, summary=words, manifest=manifest, parameters=list(parameters), digest="d1"
    )
    for position, version in enumerate(versions, start=1):
        made.releases.append(
            Release(
                id=uuid4(), version=version, state=ReleaseState.CURRENT, position=position, runtime=f"{version}.txt"
            )
        )
    with transaction() as session:
        session.add(made)
    return made


def host(
    name: str = "server",
    ports: tuple[int | None, int | None] = (20000, 20999),
    site: str = SITE,
    slots: int = 100,
    facts: Json | None = None,
    **more: Any,
) -> Host:
    """A prepared host; `facts` are added to what it has, more are its country, capacity and labels."""
    with transaction():
        known = {"python": "python3", "root": "/srv/host", **(facts or {})}
        return hosts.register(Registration(name, "127.0.0.1", Connection.LOCAL, site, *ports, known, slots, **more))


def worker(name: str = "worker", sites: tuple[str, ...] = (SITE,)) -> str:
    """A worker that has just announced itself."""
    with transaction():
        workers.arrive(Presence(name, list(sites), concurrency=2, sandbox="bwrap"))
    return name


def asked(administration_id: UUID, app: str = "complaints", **more: Any) -> Job:
    """The queued job of a new instance."""
    with transaction():
        return requests.ask_for(NewInstance(administration_id, app, reason="test", **more)).job


def asked_to(action: Action, instance_id: UUID, release: str | None = None, *, background: bool = False) -> Job:
    """The queued job of an action on an instance."""
    with transaction():
        accepted = requests.ask(instance_id, action, "test", release, background=background)
        assert accepted, "there was nothing to do"
        return accepted.job


def claimed(worker: str = "worker", sites: tuple[str, ...] = (SITE,), process: int = 0) -> attempts.Claim:
    """The oldest queued job, taken as a worker takes it; its turn in the run has come."""
    with transaction():
        taken = claim(worker, list(sites), process)
    assert taken, "no job was waiting"
    with transaction():
        attempts.begin([taken])
    return taken


def claim(worker: str, sites: list[str], process: int = 0) -> attempts.Claim | None:
    """The oldest job that may begin, alone; None if none may."""
    batch = claiming.claim(worker, sites, process, most=1)
    return batch.claims[0] if batch else None


def said(claim: attempts.Claim, told: Sequence[Event], emitted: int = 0) -> None:
    """What an attempt has said so far, as a worker keeps it."""
    events.store([Told(claim, told, emitted)])


def beaten(claim: attempts.Claim) -> attempts.Beat:
    """The answer to the heartbeat of one attempt."""
    return attempts.heartbeat([claim])[claim.job_id]


def concluded(
    claim: attempts.Claim, end: End = End.SUCCEEDED, *, touched: bool = True, report: Json | None = None
) -> JobState:
    """The end of an attempt, as a worker writes it."""
    outcome = attempts.Outcome(end, touched=touched, report=report or {}, events_emitted=0)
    with transaction():
        return instances.conclude({claim: outcome})[claim.job_id]


def carried_out(end: End = End.SUCCEEDED, report: Json | None = None) -> JobState:
    """The oldest queued job, taken and brought to its end."""
    return concluded(claimed(), end, report={"health": "healthy"} if report is None else report)


def stored(job: Job, taken_at: str = "2026-11-24T01:00:00Z", expired: Sequence[str] = ()) -> Json:
    """What a run of the job reports that has kept a backup, and removed others."""
    short_id = db.session.get_one(Instance, job.instance_id).short_id
    kept = {"name": f"{short_id}/{job.id}.tar.age", "store": "file:///s", "version": "1.0", "bytes": 9}
    return {"backup": {**kept, "sha256": "ab" * 32, "taken_at": taken_at}, "expired": list(expired)}


def reaped() -> int:
    """One step of the reaper, after every worker has been silent for too long; how many jobs it moved."""
    past = "UPDATE job SET lease_until = clock_timestamp() - interval '1 second' WHERE lease_until IS NOT NULL"
    with transaction() as session:
        session.execute(text(past))
    with transaction():
        return recovery.reap()


def rested() -> None:
    """What was cut off has had its time to die, and hosts that did not answer theirs to come back."""
    with transaction() as session:
        session.execute(text("UPDATE job SET not_before = clock_timestamp() WHERE not_before IS NOT NULL"))


def job(job_id: UUID) -> Job:
    """The job as it is in the database now."""
    db.session.expire_all()
    return db.session.get_one(Job, job_id)


def instance(
    of: Administration,
    app: str = "complaints",
    release: str | None = None,
    environment: Environment = Environment.PRODUCTION,
    settings: Json | None = None,
) -> Instance:
    """An instance that was asked for and provisioned."""
    job = asked(of.id, app, release=release, environment=environment, settings=settings or {})
    carried_out()
    return db.session.get_one(Instance, job.instance_id)


def account(*roles: Role, username: str = "") -> Account:
    """A person without a usable password: they come with a token."""
    with transaction() as session:
        made = Account(
            id=uuid4(), identity=Identity(username=username or f"person{next(numbers)}", display_name="Amina")
        )
        session.add(made)
        session.flush()
        session.add(Credential(account_id=made.id, password_hash="none"))
        for role in roles:
            account_service.grant_role(made.id, role)
    return made


def token(of: Account, *rights: Right) -> str:
    """A token of this account, for all that its roles allow, or only for these rights."""
    owner = accounts.principal_of(of.id)
    with transaction():
        return tokens.create(owner, NewToken("test", frozenset(rights) or owner.rights, 30))[1]


class Api:
    """A program that calls the API with a token. Every POST has a key of its own unless it is given one."""

    def __init__(self, app: Flask, *roles: Role) -> None:
        self.app = app
        self.account = account(*roles) if roles else None
        self.token = token(self.account, *rights_of(roles)) if self.account else ""

    def call(self, method: str, path: str, **more: Any) -> TestResponse:
        """Each call in a context of its own, as behind a real server; afterwards the test sees what was committed."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= more.pop("headers", {})
        calling = partial(self.app.test_client().open, f"/api/v1{path}", method=method, headers=headers, **more)
        answer = Context().run(partial(calling, buffered=True))
        db.session.rollback()
        return answer

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.call("GET", path, **more)

    def post(self, path: str, key: str | None = "", **more: Any) -> TestResponse:
        given = {} if key is None else {"Idempotency-Key": key or uuid4().hex}
        return self.call("POST", path, headers=given | more.pop("headers", {}), **more)


def row_counts() -> dict[str, int]:
    """How many rows each table has: equal before and after where nothing may be left behind."""
    db.session.rollback()
    whole = "relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
    readable = f"{whole} AND has_table_privilege(oid, 'SELECT')"
    tables = db.session.scalars(text(f"SELECT relname FROM pg_class WHERE {readable} ORDER BY 1")).all()
    return {table: db.session.scalar(text(f'SELECT count(*) FROM "{table}"')) or 0 for table in tables}
