"""Schedules whose window is changed: what is foreseen is what happens, and no evening is left out."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest

from provisioner.calendar import preview, queries, service
from provisioner.calendar.lifecycle import PACE, Window
from provisioner.calendar.service import Arrangement
from provisioner.db import db, transaction
from provisioner.instances.lifecycle import Action
from provisioner.paging import PageRequest
from tests.calendar.conftest import MANY, SetClock

HOUR = timedelta(hours=1)
MORNING = datetime(2026, 6, 2, 0, tzinfo=UTC)  # 01:00 in Morocco
EARLY, LATE = Window(time(1), time(5)), Window(time(22), time(23))


def arranged(window: Window) -> UUID:
    with transaction():
        return service.arrange(Arrangement(Action.CHECK, window, "Nightly check")).id


def walked(set_clock: SetClock, schedule_id: UUID, begin: datetime, end: datetime) -> None:
    while begin <= end:
        set_clock(begin)
        with transaction():
            service.advance(schedule_id)
        begin += PACE


def nights() -> list[Any]:
    """When each opened, and for how many it has asked or been refused, the newest first."""
    db.session.rollback()
    return [(night.opens_at, night.asked + night.refused) for night in queries.nights(PageRequest()).rows]


def foreseen(night: date) -> list[datetime]:
    return [sweep.opens_at for sweep in preview.of(night).sweeps]


def test_a_window_that_is_moved_to_the_evening_opens_on_the_day_of_a_night_that_is_over(estate: SetClock) -> None:
    schedule = arranged(EARLY)
    walked(estate, schedule, MORNING, MORNING + 4 * HOUR)
    estate(MORNING + 9 * HOUR)
    arranged(LATE)
    evening = MORNING + 21 * HOUR

    before = foreseen(date(2026, 6, 2))
    walked(estate, schedule, evening, evening + HOUR)

    assert before == foreseen(date(2026, 6, 2)) == [evening]
    assert nights() == [(evening, MANY), (MORNING, MANY)]


def test_a_night_that_has_begun_goes_on_as_it_was_planned_and_is_the_only_one_that_is_foreseen(
    estate: SetClock,
) -> None:
    schedule = arranged(EARLY)
    walked(estate, schedule, MORNING, MORNING + HOUR)
    arranged(Window(time(3), time(6)))

    before = foreseen(date(2026, 6, 1))
    walked(estate, schedule, MORNING + HOUR + PACE, MORNING + 5 * HOUR)

    assert before == [MORNING]
    assert nights() == [(MORNING, MANY)]
    assert foreseen(date(2026, 6, 2)) == [MORNING + 26 * HOUR]


@pytest.mark.parametrize("window", [EARLY, Window(time(2), time(4))])
def test_a_window_that_had_opened_before_it_was_arranged_is_not_foreseen(estate: SetClock, window: Window) -> None:
    estate(MORNING + 2 * HOUR)
    schedule = arranged(window)

    before = foreseen(date(2026, 6, 1))
    walked(estate, schedule, MORNING + 2 * HOUR, MORNING + 5 * HOUR)

    assert (before, nights()) == ([], [])
