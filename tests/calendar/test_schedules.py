"""Every instance is asked for once in a night, whoever follows the schedule and whatever happens to them."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from provisioner.audit.models import AuditEvent
from provisioner.calendar import queries, service
from provisioner.calendar.lifecycle import PACE, NightState, Window
from provisioner.calendar.service import Arrangement
from provisioner.db import db, transaction
from provisioner.errors import NotFound
from provisioner.instances.lifecycle import Action
from provisioner.jobs.lifecycle import Cause, JobState
from provisioner.jobs.models import Job
from provisioner.paging import PageRequest
from tests import factories
from tests.calendar.conftest import MANY, SetClock
from tests.threads import in_threads
from worker.nights import Nights

CHECKS = Window(time(1), time(5))
OPENS, CLOSES = datetime(2026, 6, 2, 0, tzinfo=UTC), datetime(2026, 6, 2, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


def arranged(window: Window = CHECKS, app_id: UUID | None = None, *, enabled: bool = True) -> UUID:
    with transaction():
        return service.arrange(Arrangement(Action.CHECK, window, "Nightly check", app_id, enabled=enabled)).id


def advanced(schedule_id: UUID) -> int:
    with transaction():
        return service.advance(schedule_id)


def walked(set_clock: SetClock, schedule_id: UUID, begin: datetime, end: datetime) -> int:
    """A dispatcher that looks every minute; for how many instances it asked."""
    asked = 0
    while begin <= end:
        set_clock(begin)
        asked += advanced(schedule_id)
        begin += PACE
    return asked


def jobs() -> dict[UUID, int]:
    """How many jobs each instance got."""
    db.session.rollback()
    return {
        row[0]: row[1] for row in db.session.execute(select(Job.instance_id, func.count()).group_by(Job.instance_id))
    }


def nights() -> Sequence[Any]:
    return queries.nights(PageRequest()).rows


def test_every_instance_is_asked_for_once_and_spread_over_the_night(estate: SetClock) -> None:
    schedule = arranged()

    first_hour = walked(estate, schedule, OPENS, OPENS + HOUR)
    rest = walked(estate, schedule, OPENS + HOUR + PACE, CLOSES + PACE)

    assert (first_hour, rest) == (MANY // 4, MANY - MANY // 4)
    assert jobs() == dict.fromkeys(jobs(), 1)
    assert len(jobs()) == MANY
    assert [(night.asked, night.missed, night.state) for night in nights()] == [(MANY, 0, NightState.COMPLETE)]


def test_what_a_schedule_asks_for_is_in_the_background_and_of_the_service_itself(estate: SetClock) -> None:
    walked(estate, arranged(), OPENS, OPENS + 10 * PACE)

    kept = db.session.execute(text("SELECT job.background, request.requested_by, request.reason FROM job JOIN request"
                                   " ON request.id = job.request_id")).all()  # fmt: skip
    assert {tuple(row) for row in kept} == {(True, None, "Nightly check")}


def test_a_portion_is_one_request(estate: SetClock) -> None:
    schedule = arranged(Window(time(1), time(1, 2)))
    walked(estate, schedule, OPENS, OPENS + 3 * PACE)

    requests = db.session.scalars(text("SELECT instances FROM request WHERE action = 'check'")).all()
    assert sorted(requests) == [MANY // 2, MANY // 2]


def test_instances_have_the_same_turn_every_night(estate: SetClock) -> None:
    schedule = arranged()
    turns = []
    for night in range(2):
        walked(estate, schedule, OPENS + night * 24 * HOUR, OPENS + night * 24 * HOUR + 2 * HOUR)
        turns.append(jobs())
        walked(estate, schedule, OPENS + night * 24 * HOUR + 2 * HOUR + PACE, CLOSES + night * 24 * HOUR + PACE)
        _conclude_all()

    assert turns[0].keys() == {instance for instance, count in turns[1].items() if count == 2}


def _conclude_all() -> None:
    with transaction() as session:
        session.execute(text("UPDATE job SET state = 'cancelled', finished_at = clock_timestamp()"))


def test_two_dispatchers_ask_once(app: Flask, estate: SetClock) -> None:
    schedule = arranged()
    advanced(schedule)
    for step in range(0, 60, 2):
        estate(OPENS + step * PACE)
        in_threads(app, [lambda: advanced(schedule), lambda: advanced(schedule), lambda: advanced(schedule)])

    assert jobs() == dict.fromkeys(jobs(), 1)
    assert len(jobs()) == MANY * 58 // 240 + 1


def test_after_a_pause_of_the_service_what_is_left_is_spread_over_what_is_left(estate: SetClock) -> None:
    schedule = arranged()
    walked(estate, schedule, OPENS, OPENS + HOUR)

    back = OPENS + 3 * HOUR
    estate(back)
    assert advanced(schedule) == 0, "not all at once"
    half = walked(estate, schedule, back + PACE, back + HOUR / 2)
    walked(estate, schedule, back + HOUR / 2 + PACE, CLOSES + PACE)

    assert half == (MANY - MANY // 4) // 2
    assert jobs() == dict.fromkeys(jobs(), 1)
    assert len(jobs()) == MANY


def test_a_night_that_the_service_slept_through_is_written_down_and_not_made_up_for_by_day(estate: SetClock) -> None:
    schedule = arranged()

    estate(CLOSES + 5 * HOUR)
    assert advanced(schedule) == 0

    assert jobs() == {}
    assert [(night.asked, night.missed, night.state) for night in nights()] == [(0, MANY, NightState.INCOMPLETE)]
    missed = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "schedule.miss")).one()
    assert missed.after == {"action": "check", "night": "2026-06-02", "missed": MANY}


def test_each_of_several_missed_nights_is_written_down_once(estate: SetClock) -> None:
    schedule = arranged()

    for hours in (72, 73):
        estate(CLOSES + hours * HOUR)
        advanced(schedule)

    assert [night.missed for night in nights()] == [MANY] * 4


def test_a_night_that_was_cut_off_says_how_many_were_missed(estate: SetClock) -> None:
    schedule = arranged()
    walked(estate, schedule, OPENS, OPENS + HOUR)

    estate(CLOSES + HOUR)
    advanced(schedule)

    assert [(night.asked, night.missed) for night in nights()] == [(MANY // 4, MANY - MANY // 4)]


def test_a_portion_that_could_not_be_asked_for_is_asked_for_again(estate: SetClock) -> None:
    schedule = arranged()
    walked(estate, schedule, OPENS, OPENS)
    estate(OPENS + 2 * PACE)
    with transaction(dry_run=True):
        assert service.advance(schedule) == 1

    assert jobs() == {}
    assert walked(estate, schedule, OPENS + 3 * PACE, CLOSES + PACE) == MANY


def test_busy_instances_are_left_alone_and_counted(estate: SetClock) -> None:
    first = min(jobs_to_come())
    factories.asked_to(Action.UPDATE, first)
    schedule = arranged()

    walked(estate, schedule, OPENS, OPENS + 2 * PACE)

    assert [(night.asked, night.refused) for night in nights()] == [(0, 1)]


def jobs_to_come() -> list[UUID]:
    db.session.rollback()
    return list(db.session.scalars(text("SELECT id FROM instance")).all())


def test_people_are_never_refused_because_of_a_schedule(estate: SetClock) -> None:
    walked(estate, arranged(), OPENS, OPENS + 2 * PACE)
    [instance] = jobs()

    update = factories.asked_to(Action.UPDATE, instance)

    swept = db.session.scalars(select(Job).where(Job.id != update.id, Job.instance_id == instance)).one()
    assert (swept.state, swept.cause) == (JobState.CANCELLED, Cause.GAVE_WAY)


def test_a_schedule_of_an_app_takes_the_place_of_the_one_for_all(estate: SetClock) -> None:
    general = arranged()
    own = arranged(app_id=db.session.scalars(text("SELECT id FROM app")).one())

    assert walked(estate, general, OPENS, OPENS + HOUR) == 0
    assert walked(estate, own, OPENS, OPENS + HOUR) == MANY // 4


def test_an_app_that_does_not_offer_the_action_is_left_out(estate: SetClock) -> None:
    with transaction() as session:
        session.execute(text("UPDATE app SET manifest = jsonb_set(manifest, '{actions}', '[\"provision\"]')"))

    assert walked(estate, arranged(), OPENS, OPENS + HOUR) == 0


def test_an_action_that_this_release_does_not_know_is_left_alone(estate: SetClock) -> None:
    schedule = arranged()
    with transaction() as session:
        session.execute(text("UPDATE schedule SET action = 'polish'"))

    assert walked(estate, schedule, OPENS, OPENS + HOUR) == 0


def test_a_schedule_that_is_switched_off_or_removed_is_not_followed(estate: SetClock) -> None:
    schedule = arranged()
    walked(estate, schedule, OPENS, OPENS + HOUR)
    arranged(enabled=False)
    assert walked(estate, schedule, OPENS + HOUR + PACE, OPENS + 2 * HOUR) == 0
    assert arranged() == schedule, "there is one for each action and app"
    with transaction():
        service.remove(schedule, "not needed")

    assert walked(estate, schedule, OPENS + 24 * HOUR, OPENS + 25 * HOUR) == 0
    assert queries.schedules() == []
    with pytest.raises(NotFound), transaction():
        service.remove(schedule, "again")


def test_time_before_a_schedule_was_switched_on_counts_as_no_missed_night(estate: SetClock) -> None:
    schedule = arranged(enabled=False)
    estate(CLOSES + 72 * HOUR)
    arranged()

    advanced(schedule)

    assert nights() == []


def test_the_dispatcher_follows_all_schedules_by_itself(app: Flask, estate: SetClock) -> None:
    arranged()
    nights_of = Nights(app)
    for step in range(8):
        estate(OPENS + step * PACE)
        nights_of.look()

    assert len(jobs()) == 2
