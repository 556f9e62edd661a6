"""Which backups are kept: of so many last days, weeks and months that have one, the last."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from provisioner.backups.lifecycle import Retention, Taken, expired

KEEP = Retention(daily=7, weekly=4, monthly=12)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)  # a Sunday, on which a week ends


def nightly(days: int) -> list[Taken]:
    """A backup each night, the newest first."""
    return [Taken(uuid4(), NOON - timedelta(days=day)) for day in range(days)]


def days_kept(taken: list[Taken], keep: Retention = KEEP) -> list[int]:
    """How many days before the newest those were taken that stay."""
    gone: set[UUID] = expired(taken, keep)
    return [(NOON - each.at).days for each in taken if each.id not in gone]


def test_a_young_instance_keeps_all_its_backups() -> None:
    assert days_kept(nightly(7)) == list(range(7))


def test_days_then_weeks_then_months_are_kept_and_no_more() -> None:
    kept = days_kept(nightly(800))

    assert kept[:7] == [0, 1, 2, 3, 4, 5, 6]
    assert {7, 14, 21} <= set(kept)
    assert len(kept) == 7 + 3 + 11  # the newest week is in the days already, as is the newest month
    assert max(kept) == 326  # the last day of the twelfth month


def test_of_several_backups_of_a_day_the_last_stands_for_it() -> None:
    morning, evening = Taken(uuid4(), NOON), Taken(uuid4(), NOON + timedelta(hours=6))

    assert expired([morning, evening], KEEP) == {morning.id}


def test_days_without_a_backup_do_not_empty_the_store() -> None:
    old = [Taken(uuid4(), NOON - timedelta(days=1000 + day)) for day in range(3)]

    assert expired(old, KEEP) == set()


@pytest.mark.parametrize("keep", [Retention(0, 0, 0), Retention(1, 0, 0)])
def test_the_newest_backup_is_kept_whatever_the_rule(keep: Retention) -> None:
    assert days_kept(nightly(5), keep) == [0]
