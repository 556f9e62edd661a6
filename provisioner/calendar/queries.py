"""Questions about freeze windows, schedules and nights; nothing here writes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, case, func, or_, select, text
from sqlalchemy.orm import aliased

from provisioner.accounts.models import Identity
from provisioner.administrations.models import Administration
from provisioner.calendar.lifecycle import PLACES, NightState, Span, first_id
from provisioner.calendar.models import Night, Schedule
from provisioner.catalogue import queries as catalogue
from provisioner.catalogue.models import App
from provisioner.db import db, one_of
from provisioner.errors import NotFound
from provisioner.freezes import queries as freeze_queries
from provisioner.freezes.lifecycle import FreezeState, Scope
from provisioner.freezes.models import Freeze
from provisioner.instances.lifecycle import STEPS, Action
from provisioner.instances.models import Instance
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.models import Job
from provisioner.jobs.queries import UNFROZEN
from provisioner.paging import Page, PageRequest, page

_planner = aliased(Identity, name="planner")


def now() -> datetime:
    at: datetime = db.session.scalars(select(func.clock_timestamp())).one()
    return at


def freezes(state: FreezeState | None, which: PageRequest) -> Page:
    """Freeze windows, the one that begins last first; the columns of `_freezes`."""
    query = _freezes()
    if state is not None:
        query = query.where(freeze_queries.in_state(state))
    return page(query, [Freeze.begins, Freeze.id], which, {"list": "freezes", "state": state}, newest_first=True)


def freeze(freeze_id: UUID) -> Any:
    """One window with the columns of `_freezes`; NotFound."""
    row = db.session.execute(_freezes().where(Freeze.id == freeze_id)).one_or_none()
    if row is None:
        raise NotFound(kind="freeze", key=freeze_id)
    return row


def freezes_between(begins: datetime, ends: datetime) -> Sequence[Any]:
    """Windows that hold, or will, at some time in between; the columns of `_freezes`."""
    query = _freezes().where(Freeze.ended_at.is_(None), Freeze.begins < ends, Freeze.ends > begins)
    return db.session.execute(query.order_by(Freeze.begins, Freeze.id).limit(50)).all()


def _freezes() -> Select[*tuple[Any, ...]]:
    """Columns: id, scope, app (slug), app_names, administration_id, administration (label), begins, ends, ended_at,
    reason, planner (None for the service's own shell, and where the person has been erased), planned_at, state, waiting
    (how many jobs it stops now).
    """
    return (
        select(
            Freeze.id, Freeze.scope, App.slug.label("app"), App.names.label("app_names"), Freeze.administration_id,
            Administration.slug.label("administration"), Freeze.begins, Freeze.ends, Freeze.ended_at, Freeze.reason,
            _planner.display_name.label("planner"), Freeze.planned_at, freeze_queries.STATE.label("state"), _waiting(),
        )
        .outerjoin(App, App.id == Freeze.app_id)
        .outerjoin(Administration, Administration.id == Freeze.administration_id)
        .outerjoin(_planner, _planner.account_id == Freeze.planned_by)
    )  # fmt: skip


def _waiting() -> ColumnElement[int]:
    theirs = or_(
        Freeze.scope == Scope.GLOBAL, Job.app_id == Freeze.app_id, Job.administration_id == Freeze.administration_id
    )
    stopped = select(func.count()).where(Job.state == JobState.QUEUED, ~Job.read_only, ~Job.let_through, theirs)
    count = stopped.correlate(Freeze).scalar_subquery()
    return case((freeze_queries.in_state(FreezeState.HOLDING), count), else_=0).label("waiting")


def stopped(request_id: UUID) -> int:
    """How many jobs of a request freeze windows stop now."""
    theirs = select(func.count()).where(Job.request_id == request_id, Job.state == JobState.QUEUED)
    return db.session.scalar(theirs.where(text(f"NOT ({UNFROZEN})"))) or 0


def schedules() -> Sequence[Any]:
    """All schedules, by action, the general one before those of apps: an estate has a few dozen."""
    return db.session.execute(_schedules().order_by(Schedule.action, App.slug.nulls_first())).all()


def schedule(schedule_id: UUID) -> Any:
    """One schedule that is not removed; NotFound."""
    row = db.session.execute(_schedules().where(Schedule.id == schedule_id)).one_or_none()
    if row is None:
        raise NotFound(kind="schedule", key=schedule_id)
    return row


def _schedules() -> Select[*tuple[Any, ...]]:
    """Columns: id, action, app (slug), app_names, opens, closes, days, enabled, reason, since."""
    query = select(
        Schedule.id, Schedule.action, App.slug.label("app"), App.names.label("app_names"), Schedule.opens,
        Schedule.closes, Schedule.days, Schedule.enabled, Schedule.reason, Schedule.since,
    )  # fmt: skip
    return query.outerjoin(App, App.id == Schedule.app_id).where(Schedule.removed_at.is_(None))


def live() -> Sequence[Schedule]:
    """The schedules that are followed."""
    query = select(Schedule).where(Schedule.removed_at.is_(None), Schedule.enabled)
    return db.session.scalars(query.order_by(Schedule.action, Schedule.id)).all()


def followed_since(schedule: Schedule) -> datetime:
    """The moment from which its window, as it is now, opens nights: a night that has begun stays as it was planned."""
    closes = db.session.scalar(select(func.max(Night.closes_at)).where(Night.schedule_id == schedule.id))
    return max(schedule.since, closes) if closes else schedule.since


def begun(schedule: Schedule, begins: datetime, ends: datetime) -> list[Span]:
    """Its nights that have opened in between."""
    query = select(Night).where(Night.schedule_id == schedule.id, Night.opens_at >= begins, Night.opens_at < ends)
    nights = db.session.scalars(query.order_by(Night.opens_at))
    return [Span(night.opens_on, night.opens_at, night.closes_at) for night in nights]


def apps_of(schedule: Schedule) -> list[App]:
    """The apps whose turn it is: those that offer the action and, if it is for all, have no schedule of their own."""
    if schedule.action not in set(Action):
        return []
    own = select(Schedule.app_id).where(
        Schedule.action == schedule.action, Schedule.removed_at.is_(None), Schedule.id != schedule.id
    )
    others = set(db.session.scalars(own)) if schedule.app_id is None else set()
    return [
        app
        for app in catalogue.apps()
        if schedule.action in app.manifest["actions"] and app.id not in others and schedule.app_id in {None, app.id}
    ]


def meant(action: str, apps: Sequence[App]) -> tuple[ColumnElement[bool], ...]:
    """The instances of these apps that may be asked for the action."""
    states = [state.value for state in STEPS[Action(action)].allowed_from] if apps else []
    return one_of(Instance.app_id, [app.id for app in apps]), Instance.state.in_(states)


def between(first: int, beyond: int) -> ColumnElement[bool]:
    """The instances whose places lie there: a range of the primary key."""
    past = Instance.id >= first_id(first)
    return past if beyond >= PLACES else past & (Instance.id < first_id(beyond))


def due(schedule: Schedule, first: int, beyond: int) -> dict[str, list[UUID]]:
    """Whom to ask for at these places, by the app's slug."""
    apps = apps_of(schedule)
    rows = db.session.execute(
        select(Instance.id, Instance.app_id).where(between(first, beyond), *meant(schedule.action, apps))
    )
    found: dict[UUID, list[UUID]] = {}
    for instance_id, app_id in rows:
        found.setdefault(app_id, []).append(instance_id)
    return {app.slug: found[app.id] for app in apps if app.id in found}


def left(schedule: Schedule, first: int) -> int:
    """For how many instances nobody has asked."""
    wanted = meant(schedule.action, apps_of(schedule))
    return db.session.scalar(select(func.count()).where(between(first, PLACES), *wanted)) or 0


def nights(which: PageRequest) -> Page:
    """What came of the nights, newest first.

    Columns: opens_at, schedule_id, opens_on, closes_at, action, app (slug), app_names, asked, refused, missed, state.
    """
    state = case(
        (Night.reached >= PLACES, NightState.COMPLETE.value),
        (func.coalesce(Night.missed, 0) > 0, NightState.INCOMPLETE.value),
        (Night.ended_at.is_not(None), NightState.COMPLETE.value),
        (Night.closes_at > func.clock_timestamp(), NightState.UNDER_WAY.value),
        else_=NightState.INCOMPLETE.value,
    )
    query = (
        select(
            Night.opens_at, Night.schedule_id, Night.opens_on, Night.closes_at, Schedule.action,
            App.slug.label("app"), App.names.label("app_names"), Night.asked, Night.refused,
            func.coalesce(Night.missed, 0).cast(Integer).label("missed"), state.label("state"),
        )
        .join(Schedule, Schedule.id == Night.schedule_id)
        .outerjoin(App, App.id == Schedule.app_id)
    )  # fmt: skip
    return page(query, [Night.opens_at, Night.schedule_id], which, {"list": "nights"}, newest_first=True)
