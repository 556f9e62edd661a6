"""Writing the audit: one event per act, in the transaction of the act itself."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from provisioner.audit.models import AuditEvent
from provisioner.db import Json, db, enter


class Via(StrEnum):
    WEB = "web"
    API = "api"
    CLI = "cli"
    WORKER = "worker"


@dataclass(frozen=True)
class Actor:
    """Who acts, and through which door. Without an account it is the service itself, or its operator's shell."""

    via: Via
    account_id: UUID | None = None
    correlation_id: str | None = None
    on_behalf_of: str | None = None


_actor: ContextVar[Actor] = ContextVar("actor")


@contextmanager
def acting(actor: Actor) -> Iterator[Actor]:
    """Everything recorded inside is this actor's doing. Every door opens one."""
    token = _actor.set(actor)
    try:
        yield actor
    finally:
        _actor.reset(token)


def actor() -> Actor:
    """The actor of this call; LookupError where no door has named one, so that nothing is ever done by nobody."""
    return _actor.get()


def record(
    action: str,
    object_type: str,
    object_id: object,
    *,
    administration_id: UUID | None = None,
    request_id: UUID | None = None,
    job_id: UUID | None = None,
    reason: str | None = None,
    before: Json | None = None,
    after: Json | None = None,
    outcome: str = "done",
) -> AuditEvent:
    """Add an event to the open transaction; `before` and `after` hold only what changed, never a secret."""
    who = actor()
    event = AuditEvent(
        actor_id=who.account_id,
        on_behalf_of=who.on_behalf_of,
        via=who.via,
        correlation_id=who.correlation_id,
        action=action,
        object_type=object_type,
        object_id=str(object_id),
        administration_id=administration_id,
        request_id=request_id,
        job_id=job_id,
        reason=reason,
        before=before,
        after=after,
        outcome=outcome,
    )
    db.session.add(event)
    return event


def record_each(action: str, object_type: str, events: Sequence[Json]) -> None:
    """What `record` does, for the same act on many objects: `events` say what differs, all in the same columns."""
    who = actor()
    common = {
        "actor_id": who.account_id,
        "on_behalf_of": who.on_behalf_of,
        "via": who.via,
        "correlation_id": who.correlation_id,
        "action": action,
        "object_type": object_type,
        "outcome": "done",
    }
    enter(AuditEvent, [{**common, **event} for event in events])
