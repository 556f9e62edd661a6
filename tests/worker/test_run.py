"""Starting and ending a run."""

import subprocess
from pathlib import Path

import pytest

from provisioner.instances.variables import RunOrder
from worker import run
from worker.run import CannotStart, Run, scrubbed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run, "FOLDER", tmp_path)
    return tmp_path


ORDER = RunOrder("/nowhere", "x.yml", servers={}, instances={}, secrets=("s3cret",), changed=False)


def test_a_run_that_cannot_be_started_leaves_no_file_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(subprocess, "Popen", refuse)

    with pytest.raises(CannotStart, match="No space"), Run(ORDER, "x", 10, 0.0):
        pass
    assert list(folder.iterdir()) == []


def test_what_runs_of_dead_workers_left_is_removed(folder: Path) -> None:
    dead, living = folder / f"{run.PREFIX}4194305-x", folder / f"{run.PREFIX}1-x"
    for left in (dead, living):
        left.mkdir()

    run.sweep_folders()

    assert list(folder.iterdir()) == [living]


def test_a_run_knows_no_address_and_no_key_of_the_service() -> None:
    ours = {"PROVISIONER_DATABASE_URL": "x", "AWS_SECRET": "x", "PATH": "/bin", "LC_ALL": "fr_FR", "PIP_CERT": "y"}

    known = scrubbed(ours)

    assert set(known) == {"PATH", "LC_ALL", "PIP_CERT"}
    assert known["LC_ALL"] == "C.UTF-8"
