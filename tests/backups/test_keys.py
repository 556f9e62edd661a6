"""The options of the store: what runs are told, and what must not be seen of it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner import config
from provisioner.backups import keys

OPTIONS = {
    "username": "provisioner",
    "password": "canary-1",
    "key": "canary-2",
    "key_filename": "/etc/provisioner/backup_key",
    "client_kwargs": {"aws_session_token": "canary-3", "region_name": "ma-1"},
    "timeout": 10,
}


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    file = tmp_path / "options.json"
    file.write_text(json.dumps(OPTIONS))
    monkeypatch.setenv("PROVISIONER_BACKUP_STORE_OPTIONS", str(file))
    config.settings.cache_clear()
    yield
    config.settings.cache_clear()


def test_runs_are_told_all_that_the_store_asks_for() -> None:
    assert keys.store_options() == OPTIONS


def test_secrets_are_hidden_and_names_and_places_are_not() -> None:
    assert sorted(keys.secret_options()) == ["canary-1", "canary-2", "canary-3"]
