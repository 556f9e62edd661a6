"""How a night is laid out by the clocks of Morocco, and how a schedule gets through it."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid4

import pytest

from provisioner.calendar.lifecycle import (
    PACE,
    PATIENCE,
    PLACES,
    Progress,
    Span,
    Window,
    first_id,
    moments,
    night_of,
    noon,
    place_of,
    proceed,
)

CHECKS = Window(time(1), time(5))
BACKUPS = Window(time(22), time(4))
HOUR = timedelta(hours=1)


def utc(*at: int) -> datetime:
    return datetime(*at, tzinfo=UTC)  # type: ignore[misc, arg-type]


def opening(window: Window, *day: int) -> Span:
    [span] = window.spans(date(*day), date(*day))
    return span


def test_a_window_opens_by_the_clocks_of_morocco() -> None:
    assert opening(CHECKS, 2026, 6, 1) == Span(date(2026, 6, 1), utc(2026, 6, 1, 0), utc(2026, 6, 1, 4))


def test_a_window_that_closes_earlier_than_it_opens_closes_on_the_next_day() -> None:
    assert opening(BACKUPS, 2026, 6, 1) == Span(date(2026, 6, 1), utc(2026, 6, 1, 21), utc(2026, 6, 2, 3))


def test_in_the_night_in_which_ramadan_puts_the_clocks_back_the_window_is_an_hour_longer() -> None:
    span = opening(CHECKS, 2026, 2, 15)

    assert (span.opens_at, span.closes_at) == (utc(2026, 2, 15, 0), utc(2026, 2, 15, 5))


def test_in_the_night_after_ramadan_the_window_is_an_hour_shorter() -> None:
    span = opening(CHECKS, 2026, 3, 22)

    assert (span.opens_at, span.closes_at) == (utc(2026, 3, 22, 1), utc(2026, 3, 22, 4))


def test_in_ramadan_the_window_opens_at_the_same_time_by_the_clocks() -> None:
    assert opening(CHECKS, 2026, 3, 1).opens_at == utc(2026, 3, 1, 1)


def test_when_morocco_gave_up_summer_time_the_window_moved_with_its_clocks() -> None:
    before, after = (opening(CHECKS, 2026, 9, day).opens_at for day in (19, 21))

    assert (before, after) == (utc(2026, 9, 19, 0), utc(2026, 9, 21, 1))


def test_a_time_that_clocks_show_twice_is_two_moments() -> None:
    assert moments(datetime(2026, 2, 15, 2, 30)) == [utc(2026, 2, 15, 1, 30), utc(2026, 2, 15, 2, 30)]  # noqa: DTZ001


def test_a_time_that_clocks_skip_is_where_it_would_have_been() -> None:
    assert moments(datetime(2026, 3, 22, 2, 30)) == [utc(2026, 3, 22, 2, 30)]  # noqa: DTZ001


def test_a_window_that_lies_in_a_skipped_hour_is_still_there() -> None:
    span = opening(Window(time(2, 15), time(3, 15)), 2026, 3, 22)

    assert span.opens_at < span.closes_at


def test_a_window_opens_on_its_days_only() -> None:
    week = Window(time(1), time(5), frozenset({1, 5})).spans(date(2026, 6, 1), date(2026, 6, 7))

    assert [span.opens_on.isoweekday() for span in week] == [1, 5]


@pytest.mark.parametrize(
    ("window", "hours"), [(CHECKS, 4), (BACKUPS, 6), (Window(time(5), time(4)), 23), (Window(time(4), time(4)), 0)]
)
def test_the_length_of_a_window_counts_past_midnight(window: Window, hours: int) -> None:
    assert window.length == hours * HOUR


def test_a_night_lasts_from_noon_to_noon() -> None:
    assert night_of(utc(2026, 11, 24, 11, 59)) == date(2026, 11, 23)
    assert night_of(utc(2026, 11, 24, 12)) == date(2026, 11, 24)
    assert noon(date(2026, 6, 1)) == utc(2026, 6, 1, 11)


def test_the_places_of_instances_lie_evenly() -> None:
    quarters = [0, 0, 0, 0]
    for _ in range(4000):
        quarters[place_of(uuid4()) * 4 // PLACES] += 1

    assert min(quarters) > 850, "each would be 1000 by chance give or take 27"


def test_a_place_begins_with_its_first_id() -> None:
    for place in (0, 1, PLACES // 3, PLACES - 1):
        first = first_id(place)
        assert place_of(first) == place
        assert place == 0 or place_of(UUID(int=first.int - 1)) == place - 1


def test_a_turn_and_its_place_say_the_same() -> None:
    span = opening(CHECKS, 2026, 6, 1)

    assert span.at(PLACES // 4) == utc(2026, 6, 1, 1)
    assert span.place(utc(2026, 6, 1, 1)) == PLACES // 4
    assert (span.place(utc(2026, 5, 31)), span.place(utc(2026, 6, 2))) == (0, PLACES)


OPENS, CLOSES = utc(2026, 6, 1, 0), utc(2026, 6, 1, 4)


def walked(was: Progress, *steps: datetime) -> Progress:
    for now in steps:
        was = proceed(was, now, CLOSES)
    return was


def minutes(first: datetime, last: datetime) -> list[datetime]:
    return [first + number * PACE for number in range(int((last - first) / PACE) + 1)]


def test_it_comes_as_far_as_the_time_and_gets_to_the_end() -> None:
    middle = walked(Progress(0, OPENS), *minutes(OPENS, OPENS + 2 * HOUR))

    assert abs(middle.reached - PLACES // 2) < 1000
    assert walked(middle, *minutes(middle.at, CLOSES)) == Progress(PLACES, CLOSES)


def test_within_a_minute_nothing_is_asked_twice() -> None:
    assert walked(Progress(7, OPENS), OPENS + PACE / 2) == Progress(7, OPENS)


def test_after_a_silence_what_is_left_is_spread_over_what_is_left() -> None:
    back = OPENS + 2 * HOUR

    assert walked(Progress(0, OPENS), back) == Progress(0, back), "nothing of it is asked for all at once"
    later = walked(Progress(0, back), *minutes(back, back + HOUR))
    assert abs(later.reached - PLACES // 2) < 1000


def test_a_silence_past_the_end_comes_no_further() -> None:
    quarter = Progress(PLACES // 4, OPENS + HOUR)

    assert walked(quarter, CLOSES + HOUR).reached == PLACES // 4
    assert walked(Progress(PLACES // 4, CLOSES - PATIENCE / 2), CLOSES + PACE).reached == PLACES
