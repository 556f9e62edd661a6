"""A service in processes of its own, with an app that leaves traces."""

from collections.abc import Iterator

import pytest

from tests.chaos.estate import IMPATIENT, Estate
from tests.running import running


@pytest.fixture(scope="session")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    yield from running(Estate(tmp_path_factory.mktemp("estate"), settings=dict(IMPATIENT)))
