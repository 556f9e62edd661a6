"""Which backups are worth keeping. Pure: no clock, no database."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Overdue(StrEnum):
    """What has not been done for an instance for too long."""

    BACKUP = "backup"  # to take one
    PROOF = "proof"  # to restore a copy from one and read it


@dataclass(frozen=True)
class Retention:
    """Of how many days, weeks and months, counted back from the newest backup, the last backup is kept."""

    daily: int
    weekly: int
    monthly: int


@dataclass(frozen=True)
class Taken:
    id: UUID
    at: datetime  # in the time zone by which days are counted


def _week(day: date) -> Any:
    return day.isocalendar()[:2]


def _month(day: date) -> Any:
    return (day.year, day.month)


def expired(backups: Iterable[Taken], keep: Retention) -> set[UUID]:
    """Those that no rule keeps. A day without a backup counts for nothing: silence never empties the store."""
    newest_first = sorted(backups, key=lambda backup: backup.at, reverse=True)
    kept = {backup.id for backup in newest_first[:1]}
    rules: tuple[tuple[int, Callable[[date], Any]], ...] = (
        (keep.daily, lambda day: day),
        (keep.weekly, _week),
        (keep.monthly, _month),
    )
    for most, period in rules:
        last_of: dict[Any, UUID] = {}
        for backup in newest_first:
            last_of.setdefault(period(backup.at.date()), backup.id)
        kept |= set(list(last_of.values())[:most])
    return {backup.id for backup in newest_first} - kept
