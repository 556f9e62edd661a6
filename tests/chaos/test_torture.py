"""A short torture. `make chaos` is the long one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.estate import IMPATIENT, Estate
from tests.chaos.torture import torture
from tests.running import running

pytestmark = pytest.mark.journey


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Estate]:
    """Of its own: the checker wants to know of every job."""
    yield from running(Estate(tmp_path, settings=dict(IMPATIENT)))


def test_no_job_is_lost_doubled_or_stuck_while_everything_breaks(victim: Estate) -> None:
    report = torture(victim, seconds=30, seed=1, pause=(0.5, 1.2))

    assert report.sins == [], report.as_markdown()
    assert report.attempts > 5
    assert sum(report.faults.values()) > 15
