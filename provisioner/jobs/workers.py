"""Who carries jobs out: workers announce themselves, and are told to begin nothing new (drain)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from provisioner.audit import service as audit
from provisioner.db import db
from provisioner.errors import NotFound
from provisioner.jobs.lifecycle import LEASED, DrainScope
from provisioner.jobs.models import Drain, Job, Worker
from provisioner.jobs.service import wake

SILENT = timedelta(seconds=30)  # a worker that has not been seen for so long is not there
FORGOTTEN = timedelta(days=7)


@dataclass(frozen=True)
class Presence:
    """What a worker says of itself."""

    name: str
    sites: list[str]
    concurrency: int
    sandbox: str


def announce(presence: Presence, *, started: bool = False) -> None:
    """It is here; the rows of those that have not been seen for days go."""
    now = func.clock_timestamp()
    seen = {"seen_at": now, **({"started_at": now} if started else {})}
    entered = insert(Worker).values(**asdict(presence), **seen)
    db.session.execute(entered.on_conflict_do_update(index_elements=["name"], set_={**asdict(presence), **seen}))
    if started:
        db.session.execute(delete(Worker).where(Worker.seen_at < now - FORGOTTEN))


def leave(name: str) -> None:
    """It has stopped."""
    db.session.execute(delete(Worker).where(Worker.name == name))


def every() -> Sequence[Any]:
    """All workers by name: name, sites, concurrency, sandbox, started_at, seen_at, present, running, draining."""
    drained = select(Drain.reason).where(Drain.scope == DrainScope.WORKER, Drain.name == Worker.name)
    running = select(func.count()).where(Job.state.in_(LEASED), Job.owner.startswith(func.concat(Worker.name, ":")))
    return db.session.execute(
        select(
            *Worker.__table__.columns,
            present().label("present"),
            running.scalar_subquery().label("running"),
            drained.scalar_subquery().label("draining"),
        ).order_by(Worker.name)
    ).all()


def present() -> Any:
    """Whether a worker has been seen lately."""
    return Worker.seen_at > func.clock_timestamp() - SILENT


def running() -> int:
    """How many jobs are being carried out."""
    return db.session.scalar(select(func.count()).where(Job.state.in_(LEASED))) or 0


def drains() -> Sequence[Drain]:
    """What begins nothing new at present, and why."""
    return db.session.scalars(select(Drain).order_by(Drain.scope, Drain.name)).all()


def drain(scope: DrainScope, name: str, reason: str) -> None:
    """Begin nothing new there; what runs comes to its end. Asked again, only the reason changes."""
    entered = insert(Drain).values(scope=scope, name=name, reason=reason)
    db.session.execute(entered.on_conflict_do_update(index_elements=["scope", "name"], set_={"reason": reason}))
    audit.record("service.drain", scope, name or "service", reason=reason)


def end_drain(scope: DrainScope, name: str) -> None:
    """Begin jobs again; NotFound if nothing is drained there."""
    ended = db.session.execute(delete(Drain).where(Drain.scope == scope, Drain.name == name).returning(Drain.name))
    if ended.one_or_none() is None:
        raise NotFound("Nothing is drained there.")
    audit.record("service.end_drain", scope, name or "service")
    wake()
