"""Which appointments are still free: opening hours without what stands in the calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = ZoneInfo("Africa/Casablanca")
FRIDAY = 4

Busy = list[tuple[datetime, datetime]]


@dataclass(frozen=True)
class Hours:
    """Monday to Friday, in the time of Morocco."""

    opens: time
    closes: time
    slot: timedelta
    days: int

    def working_days(self, now: datetime) -> list[date]:
        here = now.astimezone(HERE)
        first = here.date() + timedelta(days=here.time() >= self.closes)
        coming = (first + timedelta(days=ahead) for ahead in range(self.days * 2 + 7))
        return [day for day in coming if day.weekday() <= FRIDAY][: self.days]

    def begins(self, day: date) -> Iterator[datetime]:
        begin = datetime.combine(day, self.opens, HERE)
        while begin + self.slot <= datetime.combine(day, self.closes, HERE):
            yield begin
            begin += self.slot

    def free(self, now: datetime, busy: Busy) -> list[tuple[date, list[str]]]:
        """The coming working days, and when their free appointments begin."""
        days = self.working_days(now)
        return [(day, [f"{begin:%H:%M}" for begin in self._free_on(day, now, busy)]) for day in days]

    def _free_on(self, day: date, now: datetime, busy: Busy) -> list[datetime]:
        return [begin for begin in self.begins(day) if begin > now and not self._taken(begin, busy)]

    def _taken(self, begin: datetime, busy: Busy) -> bool:
        return any(start < begin + self.slot and begin < end for start, end in busy)


def of(parameters: dict[str, str]) -> Hours:
    opens, closes = (time.fromisoformat(parameters[name]) for name in ("opens_at", "closes_at"))
    return Hours(opens, closes, timedelta(minutes=int(parameters["slot_minutes"])), int(parameters["days_ahead"]))
