"""Questions about requests: what was asked, by whom, and what was decided."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, func, select
from sqlalchemy.orm import aliased

from provisioner.accounts.models import Identity
from provisioner.db import db
from provisioner.errors import NotFound
from provisioner.paging import Page, PageRequest, page
from provisioner.requests.models import Request

_requester, _decider = aliased(Identity, name="requester"), aliased(Identity, name="decider")


def by_id(request_id: UUID) -> Any:
    """The request with its frozen plan, in the columns of `find` and a few more; NotFound if there is none."""
    query = _selected().add_columns(
        Request.plan, Request.digest, Request.policy, Request.decided_at, _decider.display_name.label("decider")
    )
    row = db.session.execute(
        query.outerjoin(_decider, _decider.account_id == Request.decided_by).where(Request.id == request_id)
    ).one_or_none()
    if row is None:
        raise NotFound(kind="request", key=request_id)
    return row


def find(which: PageRequest) -> Page:
    """Requests, newest first.

    Columns: id, created_at, reason, decision, action, app (slug), release (version), instances (how many), instance_id
    (the first of them), requester (None for the service's own shell, and where the person has been erased).
    """
    return page(_selected(), [Request.created_at, Request.id], which, {"list": "requests"}, newest_first=True)


def _selected() -> Select[*tuple[Any, ...]]:
    plan = Request.plan
    return select(
        Request.id,
        Request.created_at,
        Request.reason,
        Request.decision,
        plan["action"].astext.label("action"),
        plan["app"].astext.label("app"),
        plan["release"].astext.label("release"),
        func.jsonb_array_length(plan["instances"]).label("instances"),
        plan["instances"][0]["id"].astext.cast(Uuid).label("instance_id"),
        _requester.display_name.label("requester"),
    ).outerjoin(_requester, _requester.account_id == Request.requested_by)
