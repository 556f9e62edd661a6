"""A service with the real apps, for all journeys."""

from collections.abc import Iterator

import pytest

from tests.running import Service, running


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    yield from running(Service(tmp_path_factory.mktemp("service")))
