"""Questions about freeze windows; nothing here writes."""

from uuid import UUID

from sqlalchemy import ColumnElement, case, func, literal, or_, select, text
from sqlalchemy.orm import aliased

from provisioner.db import db
from provisioner.freezes.lifecycle import FreezeState, Scope
from provisioner.freezes.models import Freeze

# Of a row `held` of the table, for statements that are written by hand as well.
HOLDS = "held.ended_at IS NULL AND held.begins <= clock_timestamp() AND held.ends > clock_timestamp()"

_STATES = (
    (or_(Freeze.ended_at.is_not(None), Freeze.ends <= func.clock_timestamp()), FreezeState.OVER.value),
    (Freeze.begins > func.clock_timestamp(), FreezeState.COMING.value),
)
STATE = case(*_STATES, else_=FreezeState.HOLDING.value)
held = aliased(Freeze, name="held")


def in_state(state: FreezeState) -> ColumnElement[bool]:
    return literal(state.value) == STATE


def holding(app_id: UUID, administration_id: UUID) -> Freeze | None:
    """Of the windows that hold now for this app and this administration the one that ends last."""
    theirs = or_(held.scope == Scope.GLOBAL, held.app_id == app_id, held.administration_id == administration_id)
    return db.session.scalar(select(held).where(text(HOLDS), theirs).order_by(held.ends.desc()).limit(1))
