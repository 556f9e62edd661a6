"""A service with an app that leaves traces, and little patience with workers that say nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Service, running

PLAYBOOKS = Path(__file__).with_name("playbooks")
IMPATIENT = {"heartbeat": "1", "lease": "9", "quiesce": "2"}


@pytest.fixture(scope="session")
def sleepy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = IMPATIENT | {"playbooks_dir": str(PLAYBOOKS)}
    yield from running(Service(tmp_path_factory.mktemp("sleepy"), settings=settings, forgetful=True))
