"""Questions about requests: what was asked, by whom, and what was decided."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from provisioner.accounts.models import Identity
from provisioner.db import Json, db
from provisioner.errors import NotFound
from provisioner.instances.beginning import Outcome
from provisioner.instances.models import Instance
from provisioner.paging import Page, PageRequest, page
from provisioner.requests.models import Request, RequestOutcome

_requester, _decider = aliased(Identity, name="requester"), aliased(Identity, name="decider")


def by_id(request_id: UUID) -> Any:
    """The request, in the columns of `find` and a few more but without its plan; NotFound if there is none."""
    query = _selected().add_columns(
        Request.digest, Request.policy, Request.decided_at, _decider.display_name.label("decider")
    )
    row = db.session.execute(
        query.outerjoin(_decider, _decider.account_id == Request.decided_by).where(Request.id == request_id)
    ).one_or_none()
    if row is None:
        raise NotFound(kind="request", key=request_id)
    return row


def plan(request_id: UUID) -> Json:
    """What was asked, as it was decided on: it names every instance that a job was queued for."""
    return db.session.scalars(select(Request.plan).where(Request.id == request_id)).one()


def find(which: PageRequest, *, scheduled: bool | None = None) -> Page:
    """Requests, newest first: all, only those of schedules, or only those of people.

    Columns: id, created_at, reason, decision, action, app (slug), release (version, if all have the same), instances
    (for how many a job was queued), instance_id (of the first), schedule_id (of the one that asked), requester (None
    for a schedule, for the service's own shell, and where the person has been erased).
    """
    query = _selected()
    if scheduled is not None:
        query = query.where(Request.schedule_id.is_not(None) if scheduled else Request.schedule_id.is_(None))
    bound_to = {"list": "requests", "scheduled": scheduled}
    return page(query, [Request.created_at, Request.id], which, bound_to, newest_first=True)


def counts(request_id: UUID) -> dict[Outcome, int]:
    """How many instances each outcome came of the request for."""
    kept = RequestOutcome
    rows = db.session.execute(
        select(kept.outcome, func.count()).where(kept.request_id == request_id).group_by(kept.outcome)
    )
    return dict.fromkeys(Outcome, 0) | {row[0]: row[1] for row in rows}


def outcomes(request_id: UUID, outcome: Outcome | None, which: PageRequest) -> Page:
    """What came of the request for each instance.

    Columns: instance_id, short_id, hostname, outcome, job_id (of a refused one: the job that holds it), code, message,
    details.
    """
    kept = RequestOutcome
    query = select(
        kept.instance_id, Instance.short_id, Instance.hostname, kept.outcome, kept.job_id, kept.code, kept.message,
        kept.details,
    ).join(Instance, Instance.id == kept.instance_id)  # fmt: skip
    query = query.where(kept.request_id == request_id)
    if outcome is not None:
        query = query.where(kept.outcome == outcome)
    bound_to = {"list": "outcomes", "request": request_id, "outcome": outcome}
    return page(query, [kept.instance_id], which, bound_to)


def _selected() -> Select[*tuple[Any, ...]]:
    return select(
        Request.id,
        Request.created_at,
        Request.reason,
        Request.decision,
        Request.action,
        Request.app,
        Request.release,
        Request.instances,
        Request.instance_id,
        Request.schedule_id,
        _requester.display_name.label("requester"),
    ).outerjoin(_requester, _requester.account_id == Request.requested_by)
