"""Two services for the journeys: one with the real apps, one with an app that only leaves traces."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.running import Service, running

PLAYBOOKS = Path(__file__).with_name("playbooks")
IMPATIENT = {"heartbeat": "1", "lease": "9", "quiesce": "2"}


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """With the apps of the catalogue."""
    yield from running(Service(tmp_path_factory.mktemp("service")))


@pytest.fixture(scope="session")
def sleepy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """With an app whose actions last as long as they are told and leave traces of what they do."""
    settings = IMPATIENT | {"playbooks_dir": str(PLAYBOOKS)}
    yield from running(Service(tmp_path_factory.mktemp("sleepy"), settings=settings))
