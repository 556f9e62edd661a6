"""Nights as a schedule plans them, and how it gets through one. Pure: no clock, no database.

Instances have their places by their ids. Those are drawn at random, so they lie evenly from the first possible one to
the last, and a stretch of a night is a range of ids.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from provisioner.presentation import MOROCCO

PLACES = 2**32  # told apart in a night: the first bits of the ids
_REST = 128 - 32
PACE = timedelta(minutes=1)  # so often a portion is asked for
PATIENCE = timedelta(minutes=5)  # after a longer silence nobody was there
DAY = timedelta(days=1)
LONGEST = timedelta(hours=12)
EVERY_DAY = frozenset(range(1, 8))  # as ISO counts them: 1 is Monday


class NightState(StrEnum):
    UNDER_WAY = "under_way"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"  # for some instances nobody asked in time


@dataclass(frozen=True)
class Span:
    """One opening of a window; `opens_on` is the day on which it opens in Morocco."""

    opens_on: date
    opens_at: datetime
    closes_at: datetime

    def at(self, place: int) -> datetime:
        """When the turn of this place comes in a night without disturbance."""
        return self.opens_at + (self.closes_at - self.opens_at) * (place / PLACES)

    def place(self, at: datetime) -> int:
        """The first place whose turn comes then or later."""
        share = (at - self.opens_at) / (self.closes_at - self.opens_at)
        return max(0, min(PLACES, round(share * PLACES)))


@dataclass(frozen=True)
class Window:
    """From when until when by the clocks of Morocco, past midnight where it closes at an earlier time than it opens."""

    opens: time
    closes: time
    days: frozenset[int] = EVERY_DAY

    @property
    def length(self) -> timedelta:
        """As long as it is in a night in which no clock is changed."""
        return (datetime.combine(date.min, self.closes) - datetime.combine(date.min, self.opens)) % DAY

    def spans(self, first: date, last: date) -> Iterator[Span]:
        """Its openings from one day to another, both included."""
        for number in range((last - first).days + 1):
            day = first + number * DAY
            if day.isoweekday() in self.days:
                yield self._on(day)

    def _on(self, day: date) -> Span:
        """Longer where clocks are put back meanwhile, with both hours of that name; shorter where they are put on."""
        closing_day = day if self.opens < self.closes else day + DAY
        opens_at = moments(datetime.combine(day, self.opens))[0]
        closes_at = moments(datetime.combine(closing_day, self.closes))[-1]
        return Span(day, opens_at, max(closes_at, opens_at + PACE))


def moments(shown: datetime) -> list[datetime]:
    """When clocks in Morocco show this: once; twice where they are put back. A time that they skip is taken as if they
    had not been put forward.
    """
    as_utc = shown.replace(tzinfo=UTC)
    before, after = _offset(as_utc - DAY), _offset(as_utc + DAY)
    found = sorted({as_utc - offset for offset in (before, after) if _shown(as_utc - offset) == shown})
    return found or [as_utc - before]


def _offset(at: datetime) -> timedelta:
    return at.astimezone(MOROCCO).utcoffset() or timedelta()


def _shown(at: datetime) -> datetime:
    return at.astimezone(MOROCCO).replace(tzinfo=None)


def day_of(at: datetime) -> date:
    """The day in Morocco."""
    return _shown(at).date()


def night_of(at: datetime) -> date:
    """The day on whose noon the night begins that this moment is part of."""
    return day_of(at - DAY / 2)


def noon(day: date) -> datetime:
    return moments(datetime.combine(day, time(12)))[0]


def first_id(place: int) -> UUID:
    """The first id that can have this place, or, for PLACES, the very last."""
    return UUID(int=min(place << _REST, 2**128 - 1))


def place_of(instance_id: UUID) -> int:
    return instance_id.int >> _REST


@dataclass(frozen=True)
class Progress:
    """How far a night has come, and when that was."""

    reached: int
    at: datetime


def proceed(was: Progress, now: datetime, closes_at: datetime) -> Progress:
    """How far it comes by now. After a silence it stays where it is and spreads what is left over what is left of the
    window; where the window has closed meanwhile, it comes no further.
    """
    if now - was.at > PATIENCE:
        return Progress(was.reached, now)
    if now >= closes_at:
        return Progress(PLACES, closes_at)
    if now - was.at < PACE:
        return was
    left = PLACES - was.reached
    return Progress(was.reached + int(left * ((now - was.at) / (closes_at - was.at))), now)
