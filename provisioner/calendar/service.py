"""Schedules: arranged by people, followed by the dispatchers, any number of them. No function here commits.

Time is always the database's clock.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Select, select

from provisioner.audit import service as audit
from provisioner.calendar import queries
from provisioner.calendar.lifecycle import DAY, LONGEST, PLACES, Progress, Window, day_of, proceed
from provisioner.calendar.models import Night, Schedule
from provisioner.db import Json, db
from provisioner.errors import Invalid, NotFound
from provisioner.instances.beginning import Outcome
from provisioner.instances.lifecycle import STEPS, Action
from provisioner.requests import queries as request_queries, service as requests
from provisioner.requests.service import Selection

SWEEPS = tuple(action for action in Action if STEPS[action].read_only)  # what may be asked for by itself
OLDEST = 31 * DAY  # of missed nights that are still written down after a long silence


@dataclass(frozen=True)
class Arrangement:
    """What is done in which nights. Without an app it is for all that have no schedule of their own for the action."""

    action: Action
    window: Window
    reason: str
    app_id: UUID | None = None
    enabled: bool = True


def arrange(wanted: Arrangement) -> Schedule:
    """Enter a schedule or change the one that there is; a night that has begun stays as it was planned."""
    _check(wanted)
    schedule = db.session.scalar(_live(wanted.action, wanted.app_id).with_for_update(key_share=True))
    before = _facts(schedule) if schedule else None
    if schedule is None:
        schedule = Schedule(id=uuid4(), action=wanted.action, app_id=wanted.app_id)
        db.session.add(schedule)
    schedule.opens, schedule.closes = wanted.window.opens, wanted.window.closes
    schedule.days, schedule.enabled, schedule.reason = sorted(wanted.window.days), wanted.enabled, wanted.reason
    schedule.since = queries.now()
    db.session.flush()
    facts = {"action": wanted.action, **_facts(schedule)}
    audit.record("schedule.arrange", "schedule", schedule.id, reason=wanted.reason, before=before, after=facts)
    return schedule


def _check(wanted: Arrangement) -> None:
    if wanted.action not in SWEEPS:
        errors = [{"pointer": "/action", "detail": "Only what changes nothing may be asked for by itself."}]
        raise Invalid(errors=errors)
    if not 0 * DAY < wanted.window.length <= LONGEST:
        raise Invalid(errors=[{"pointer": "/closes", "detail": "A window is open for at most twelve hours."}])


def remove(schedule_id: UUID, reason: str) -> None:
    """Follow it no more; what it did stays on record."""
    there = select(Schedule).where(Schedule.id == schedule_id, Schedule.removed_at.is_(None))
    schedule = db.session.scalar(there.with_for_update(key_share=True))
    if schedule is None:
        raise NotFound(kind="schedule", key=schedule_id)
    schedule.removed_at = queries.now()
    audit.record("schedule.remove", "schedule", schedule.id, reason=reason, after={"action": schedule.action})


def advance(schedule_id: UUID) -> int:
    """Ask for what has come due since it was looked at last; returns for how many instances.

    The schedule is held meanwhile, and whoever finds it held leaves: each place of a night is passed once.
    """
    query = select(Schedule).where(Schedule.id == schedule_id, Schedule.enabled, Schedule.removed_at.is_(None))
    schedule = db.session.scalar(
        query.with_for_update(key_share=True, skip_locked=True).execution_options(populate_existing=True)
    )
    if schedule is None:
        return 0
    now = queries.now()
    _enter_nights(schedule, now)
    begun = select(Night).where(Night.schedule_id == schedule.id, Night.ended_at.is_(None)).order_by(Night.opens_on)
    nights = db.session.scalars(begun.execution_options(populate_existing=True)).all()
    return sum(_go_on(schedule, night, now) for night in nights)


def _enter_nights(schedule: Schedule, now: datetime) -> None:
    """Those that have opened since the last one: none is left out, though nobody was there."""
    since = max(queries.followed_since(schedule), now - OLDEST)
    for span in schedule.window.spans(day_of(since), day_of(now)):
        if since <= span.opens_at <= now:
            night = Night(schedule_id=schedule.id, reached=0, reached_at=span.opens_at, **span.__dict__)
            db.session.add(night)
    db.session.flush()


def _go_on(schedule: Schedule, night: Night, now: datetime) -> int:
    was = Progress(night.reached, night.reached_at)
    became = proceed(was, now, night.closes_at)
    asked = _ask(schedule, night, became.reached) if became.reached > was.reached else 0
    night.reached, night.reached_at = became.reached, became.at
    if now >= night.closes_at:
        _end(schedule, night, now)
    return asked


def _ask(schedule: Schedule, night: Night, beyond: int) -> int:
    """One request for each app, in the background: its jobs give way to what people ask for."""
    asked = 0
    for app, ids in queries.due(schedule, night.reached, beyond).items():
        request = requests.ask_many(
            Selection(app, ids), Action(schedule.action), schedule.reason, schedule_id=schedule.id
        )
        counts = request_queries.counts(request.id)
        asked += counts[Outcome.ACCEPTED]
        night.refused += counts[Outcome.REFUSED]
    night.asked += asked
    return asked


def _end(schedule: Schedule, night: Night, now: datetime) -> None:
    missed = queries.left(schedule, night.reached) if night.reached < PLACES else 0
    night.ended_at, night.missed = now, missed
    if night.missed:
        told = {"action": schedule.action, "night": night.opens_on.isoformat(), "missed": night.missed}
        audit.record("schedule.miss", "schedule", schedule.id, after=told)


def _live(action: str, app_id: UUID | None) -> Select[Schedule]:
    whose = Schedule.app_id.is_(None) if app_id is None else Schedule.app_id == app_id
    return select(Schedule).where(Schedule.action == action, whose, Schedule.removed_at.is_(None))


def _facts(schedule: Schedule) -> Json:
    return {
        "opens": f"{schedule.opens:%H:%M}",
        "closes": f"{schedule.closes:%H:%M}",
        "days": schedule.days,
        "enabled": schedule.enabled,
    }
