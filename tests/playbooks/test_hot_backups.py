"""A backup of an instance that goes on serving: every part of it is of one moment, and nothing is left out."""

import os
import socket
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.running import wait_for

# Each transaction writes a number into both tables: a copy of one moment has the same numbers in both.
WRITING = """
import itertools, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
connection.execute(f"PRAGMA journal_mode={sys.argv[2]}")
for table in ("left", "right"):
    connection.execute(f"CREATE TABLE IF NOT EXISTS '{table}' (number INTEGER, filler TEXT)")
for number in itertools.count():
    connection.execute("BEGIN")
    for table in ("left", "right"):
        connection.execute(f"INSERT INTO '{table}' VALUES (?, ?)", (number, "x" * 500))
    connection.execute("COMMIT")
"""
ODD = ["a b", "é/شكاية", "-rf", "new\nline", "%s $(id) `id` {{ 7 }}", "?mode=rw#x", "notes-wal", "\udce9 in latin-1"]


@pytest.fixture
def back_up(module, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def call(name: str = "taken-1", **more: Any) -> dict[str, Any]:
        given = {"folder": str(tmp_path / "backups" / name), "root": str(root_of(tmp_path)), "version": "1.0"}
        result: dict[str, Any] = module("instance_backup", **given | more)
        return result

    return call


def root_of(tmp_path: Path) -> Path:
    root = tmp_path / "a000000001"
    root.mkdir(exist_ok=True)
    (root / ".digest").write_text("digest")
    return root


def restored(module, tmp_path: Path, name: str = "taken-1") -> Path:
    """From the backup into an empty place."""
    root = tmp_path / "restored"
    result = module("instance_restore", folder=str(tmp_path / "backups" / name), root=str(root))
    assert result.get("digest") == "digest", result
    return root


@pytest.fixture(params=["WAL", "DELETE"])
def busy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """An SQLite file into which another process writes all the time, with each kind of journal."""
    file = root_of(tmp_path) / "portal.db"
    writer = subprocess.Popen([sys.executable, "-c", WRITING, str(file), request.param])
    try:
        wait_for("numbers in the file", lambda: file.exists() and len(numbers(file, "right")) > 100)
        yield file
        assert writer.poll() is None  # it has not been disturbed
    finally:
        writer.kill()
        writer.wait()


def numbers(file: Path, table: str) -> list[int]:
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(file, timeout=30)) as connection:
        return [number for (number,) in connection.execute(f"SELECT number FROM '{table}' ORDER BY number")]
    return []


def test_an_sqlite_file_that_is_written_all_the_time_is_of_one_moment_in_each_backup(
    back_up, busy: Path, module, tmp_path: Path
) -> None:
    seen = []
    for name in ("taken-1", "taken-2", "taken-3"):
        assert back_up(name)["changed"]
        copy = restored(module, tmp_path, name) / busy.name
        assert sorted(path.name for path in copy.parent.iterdir()) == [".digest", "portal.db"]
        seen.append(numbers(copy, "left"))
        assert seen[-1] == numbers(copy, "right") == list(range(len(seen[-1])))

    assert len(seen[0]) > 100
    assert len(seen[0]) <= len(seen[1]) <= len(seen[2]) <= len(numbers(busy, "left"))
    assert len(seen[0]) < len(numbers(busy, "left"))


def test_odd_names_links_and_permissions_come_back_and_sockets_do_not(
    back_up, module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = root_of(tmp_path)
    for name in ODD:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(name.encode("utf-8", "surrogateescape").hex())
    (root / "-rf").chmod(0o600)
    (root / "absolute").symlink_to("/etc/hostname")
    (root / "dangling").symlink_to("nowhere")
    (root / "empty").mkdir()
    (root / "logs").mkdir()
    (root / "logs/service.log").write_text("long")
    with closing(sqlite3.connect(root / "odd ?#%.db")) as portal, portal:
        portal.execute("CREATE TABLE kept (x)")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(root)  # a socket's address has to be short
        listener.bind("service.sock")
        result = back_up()
    found = restored(module, tmp_path)

    assert result["changed"], result
    assert {name: (found / name).read_text() for name in ODD} == {name: (root / name).read_text() for name in ODD}
    assert (found / "-rf").stat().st_mode & 0o777 == 0o600
    assert {name: str((found / name).readlink()) for name in ("absolute", "dangling")} == {
        "absolute": "/etc/hostname",
        "dangling": "nowhere",
    }
    assert (found / "empty").is_dir()
    with closing(sqlite3.connect(found / "odd ?#%.db")) as portal:
        assert portal.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    assert not (found / "service.sock").exists()
    assert not (found / "logs").exists()


def test_a_file_that_the_service_removes_meanwhile_does_not_spoil_the_backup(
    back_up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = root_of(tmp_path)
    (root / "passing").write_text("x")
    (root / "staying").write_text("x")
    add = tarfile.TarFile.add

    def add_late(tar: tarfile.TarFile, name: Any, *given: Any, **named: Any) -> None:
        (root / "passing").unlink(missing_ok=True)
        add(tar, name, *given, **named)

    monkeypatch.setattr(tarfile.TarFile, "add", add_late)
    result = back_up()

    assert result["changed"], result
    with tarfile.open(tmp_path / "backups/taken-1/files.tar") as tar:
        assert tar.getnames() == [".digest", "staying"]


def test_a_damaged_sqlite_file_is_told_and_half_a_backup_takes_no_room(back_up, tmp_path: Path) -> None:
    (root_of(tmp_path) / "portal.db").write_bytes(b"SQLite format 3\0" + b"\1" * 4096)

    result = back_up()

    assert result["failed"]
    assert result["msg"].startswith("No backup could be taken, nothing was changed: ")
    assert list((tmp_path / "backups").iterdir()) == []


def test_the_newest_two_of_a_kind_stay_and_nothing_of_runs_that_were_killed(back_up, tmp_path: Path) -> None:
    (tmp_path / "backups/.before-0.taking").mkdir(parents=True)
    (tmp_path / "backups/.before-0.taking/files.tar").write_text("half")
    for number in range(1, 5):
        assert back_up(f"before-{number}", among=2)["changed"]
        (tmp_path / f"backups/before-{number}.tar.age").write_text("left by a run that was killed")
        os.utime(tmp_path / f"backups/before-{number}", (number, number))
    back_up("taken-1", among=2)

    left = sorted(path.name for path in (tmp_path / "backups").iterdir())
    assert left == ["before-3", "before-4", "before-4.tar.age", "taken-1"]
