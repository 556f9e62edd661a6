"""A state folder of its own for each test of keys."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provisioner import config

Set = Callable[..., None]


@pytest.fixture
def set_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Set]:
    """Sets settings, in a state folder in which there is nothing yet."""

    def change(**settings: object) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"PROVISIONER_{name.upper()}", str(value))
        config.settings.cache_clear()

    change(state_dir=tmp_path / "state")
    yield change
    monkeypatch.undo()
    config.settings.cache_clear()
