"""Workers announce themselves, and are told to begin nothing new (drain). No function here commits."""

from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from provisioner.audit import service as audit
from provisioner.db import db
from provisioner.errors import Invalid, NotFound
from provisioner.workers.lifecycle import DrainScope
from provisioner.workers.models import Drain, Worker

CHANNEL = "provisioner_jobs"  # NOTIFY wakes the dispatcher
FORGOTTEN = timedelta(days=7)


def wake() -> None:
    """Let the dispatcher look for work at once, when this transaction is committed."""
    db.session.execute(select(func.pg_notify(CHANNEL, "")))


@dataclass(frozen=True)
class Presence:
    """What a worker says of itself."""

    name: str
    sites: list[str]
    concurrency: int
    sandbox: str


def arrive(presence: Presence) -> None:
    """It has just started; those that have not been seen for days are forgotten."""
    now = func.clock_timestamp()
    db.session.execute(delete(Worker).where(Worker.seen_at < now - FORGOTTEN))
    said = {**asdict(presence), "started_at": now, "seen_at": now, "leaving": False}
    entered = insert(Worker).values(said)
    db.session.execute(entered.on_conflict_do_update(index_elements=["name"], set_=said))
    wake()


def stay(presence: Presence, *, leaving: bool = False) -> None:
    """It is still there, perhaps only until what it runs has ended."""
    seen = {"seen_at": func.clock_timestamp(), "leaving": leaving}
    entered = insert(Worker).values(**asdict(presence), **seen)
    db.session.execute(entered.on_conflict_do_update(index_elements=["name"], set_=seen))


def leave(name: str) -> None:
    """It has stopped."""
    db.session.execute(delete(Worker).where(Worker.name == name))


def drain(scope: DrainScope, name: str, reason: str) -> None:
    """Begin nothing new there; what runs comes to its end. Asked again, only the reason changes."""
    _checked(scope, name)
    entered = insert(Drain).values(scope=scope, name=name, reason=reason)
    db.session.execute(entered.on_conflict_do_update(index_elements=["scope", "name"], set_={"reason": reason}))
    audit.record("drain.begin", "drain", _label(scope, name), reason=reason)


def end_drain(scope: DrainScope, name: str, reason: str) -> None:
    """Begin jobs there again; NotFound if nothing is drained there."""
    _checked(scope, name)
    ended = db.session.execute(delete(Drain).where(Drain.scope == scope, Drain.name == name).returning(Drain.name))
    if ended.one_or_none() is None:
        raise NotFound(kind="drain", key=_label(scope, name))
    audit.record("drain.end", "drain", _label(scope, name), reason=reason)
    wake()


def _checked(scope: DrainScope, name: str) -> None:
    if (scope is DrainScope.SERVICE) != (name == ""):
        raise Invalid(errors=[{"pointer": "/name", "detail": "A site or a worker has a name, the service has none."}])


def _label(scope: DrainScope, name: str) -> str:
    return f"{scope} {name}".strip()
