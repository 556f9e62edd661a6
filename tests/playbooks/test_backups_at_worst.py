"""Backups of what is missing or damaged, and of what an earlier attempt has half erased."""

import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

DAMAGED = b"SQLite format 3\0" + b"\1" * 4096
NAME = "a000000001/job-1.tar.age"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "a000000001"
    folder.mkdir()
    (folder / ".digest").write_text("digest")
    return folder


@pytest.fixture
def back_up(module, tmp_path: Path):
    def call(**more: Any) -> dict[str, Any]:
        given = {"folder": str(tmp_path / "backups/taken-1"), "root": str(tmp_path / "a000000001"), "version": "1.0"}
        result: dict[str, Any] = module("instance_backup", **given | more)
        return result

    return call


def test_an_instance_without_its_folder_is_no_backup(back_up, tmp_path: Path) -> None:
    refused = back_up()
    lenient = back_up(required=False)

    assert "the instance has no folder" in refused["msg"]
    assert lenient == {"changed": False, "invocation": lenient["invocation"]}
    assert not (tmp_path / "backups").exists()


@pytest.mark.usefixtures("root")
def test_a_folder_that_cannot_be_listed_is_told(back_up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = tmp_path / "a000000001/letters"
    hidden.mkdir()
    listed = os.scandir

    def scandir(path: Any) -> Any:
        if str(path) == str(hidden):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)

    assert "Permission denied" in back_up()["msg"]
    assert "Permission denied" in back_up(required=False)["msg"]


def test_what_is_damaged_is_kept_as_it_is_where_nothing_better_can_be_had(back_up, root: Path, tmp_path: Path) -> None:
    (root / "portal.db").write_bytes(DAMAGED)

    assert back_up()["failed"]
    assert back_up(required=False)["changed"]
    with tarfile.open(tmp_path / "backups/taken-1/files.tar") as tar:
        kept = tar.extractfile("portal.db")
        assert kept
        assert kept.read() == DAMAGED


def test_what_an_earlier_attempt_has_kept_is_not_backed_up_again(back_up, root: Path, tmp_path: Path) -> None:
    receipt = tmp_path / "kept.json"
    receipt.write_text(json.dumps({"backup": {"name": NAME}}))
    (root / "rest").write_text("what was not erased yet")

    assert not back_up(receipt=str(receipt), name=NAME)["changed"]
    assert back_up(receipt=str(receipt), name="of-another-job")["changed"]
