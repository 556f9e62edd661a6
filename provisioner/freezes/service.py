"""Planning freeze windows, and ending them before their time. No function here commits."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import func, select

from provisioner.audit import service as audit
from provisioner.db import Json, db
from provisioner.errors import Conflict, Invalid, NotFound
from provisioner.freezes.lifecycle import Scope
from provisioner.freezes.models import Freeze
from provisioner.workers.service import wake


class FreezeOver(Conflict):
    code = "freeze-over"
    message = "This freeze window is over already."


@dataclass(frozen=True)
class Wanted:
    """A new window. Without `begins` it holds from now on; with neither app nor administration it is for all."""

    ends: datetime
    reason: str
    begins: datetime | None = None
    app_id: UUID | None = None
    administration_id: UUID | None = None

    @property
    def scope(self) -> Scope:
        if self.app_id and self.administration_id:
            detail = {"detail": "A window is for an app or for an administration, not for both."}
            raise Invalid(errors=[{"pointer": "/administration", **detail}])
        return Scope.APP if self.app_id else Scope.ADMINISTRATION if self.administration_id else Scope.GLOBAL


def plan(wanted: Wanted) -> Freeze:
    """Let nothing change these instances from one moment to another; what runs when it begins comes to its end."""
    scope, now = wanted.scope, _now()
    begins = wanted.begins or now
    if wanted.ends <= max(begins, now):
        raise Invalid(errors=[{"pointer": "/ends", "detail": "A window ends after it begins, and in the future."}])
    facts = {"app_id": wanted.app_id, "administration_id": wanted.administration_id, "begins": begins}
    freeze = Freeze(
        id=uuid4(), scope=scope, ends=wanted.ends, reason=wanted.reason, planned_by=audit.actor().account_id, **facts
    )
    db.session.add(freeze)
    db.session.flush()
    _record("freeze.plan", freeze, wanted.reason, {"scope": scope, "begins": _said(begins), "ends": _said(freeze.ends)})
    return freeze


def end(freeze_id: UUID, reason: str) -> Freeze:
    """Let the jobs go on before the window's time, or call off one that has not begun."""
    query = select(Freeze).where(Freeze.id == freeze_id).with_for_update(key_share=True)
    freeze = db.session.scalar(query.execution_options(populate_existing=True))
    if freeze is None:
        raise NotFound(kind="freeze", key=freeze_id)
    now = _now()
    if freeze.ended_at or freeze.ends <= now:
        raise FreezeOver
    freeze.ended_at = now
    _record("freeze.end", freeze, reason, {"scope": freeze.scope, "ended_at": _said(now)})
    wake()
    return freeze


def _record(action: str, freeze: Freeze, reason: str, after: Json) -> None:
    audit.record(action, "freeze", freeze.id, administration_id=freeze.administration_id, reason=reason, after=after)


def _said(at: datetime) -> str:
    return at.isoformat(timespec="minutes")


def _now() -> datetime:
    at: datetime = db.session.scalars(select(func.clock_timestamp())).one()
    return at
