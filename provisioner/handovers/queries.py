"""Questions about links by which secrets are handed over; nothing here writes."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, func, literal, select

from provisioner.accounts.models import Identity
from provisioner.db import db
from provisioner.errors import NotFound
from provisioner.handovers.lifecycle import HandoverState
from provisioner.handovers.models import Handover
from provisioner.paging import Page, PageRequest, page

WORKS: ColumnElement[bool] = (
    Handover.opened_at.is_(None) & Handover.revoked_at.is_(None) & (Handover.expires_at > func.clock_timestamp())
)
_STATE = case(
    (WORKS, literal(HandoverState.OPEN.value)),
    (Handover.opened_at.is_not(None), literal(HandoverState.OPENED.value)),
    (Handover.revoked_at.is_not(None), literal(HandoverState.REVOKED.value)),
    else_=literal(HandoverState.EXPIRED.value),
)


def of_instance(instance_id: UUID, wanted: PageRequest) -> Page:
    """Its links, the newest first."""
    order = [Handover.created_at, Handover.id]
    bound_to = {"list": "handovers", "of": instance_id}
    return page(_rows().where(Handover.instance_id == instance_id), order, wanted, bound_to, newest_first=True)


def by_id(handover_id: UUID) -> Any:
    """One link with the columns of the list; NotFound."""
    row = db.session.execute(_rows().where(Handover.id == handover_id)).one_or_none()
    if row is None:
        raise NotFound(kind="handover", key=handover_id)
    return row


def _rows() -> Select[*tuple[Any, ...]]:
    """Columns: id, instance_id, secret, reason, state, created_at, created_by (a user name, empty for the service's own
    shell), expires_at, opened_at, opened_from, revoked_at.
    """
    return select(
        Handover.id, Handover.instance_id, Handover.secret, Handover.reason, _STATE.label("state"), Handover.created_at,
        Identity.username.label("created_by"), Handover.expires_at, Handover.opened_at, Handover.opened_from,
        Handover.revoked_at,
    ).outerjoin(Identity, Identity.account_id == Handover.created_by)  # fmt: skip
