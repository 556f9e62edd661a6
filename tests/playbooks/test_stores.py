"""Backups in a folder, on another host and in S3: kept, read back, fetched, expired, refused."""

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from provisioner.embedded.layout import Layout

from .inventory import IDENTITY, backup, backups
from .reading import get
from .runs import Run
from .stores import KINDS, Asked, Kept

pytestmark = pytest.mark.journey

SHORT_ID, VERSION = "stores0001", "0.65.5"
SAME = {"release": {"version": VERSION, "previous_version": VERSION}}


@pytest.fixture(scope="module")
def fences() -> Iterator[int]:
    return iter(range(1, 1000))


@pytest.fixture(scope="module")
def does(act, host: Layout, fences):
    """Does an action to a portal, to that of these tests unless another is named."""

    def once(
        action: str,
        kept: Kept | None = None,
        options: dict[str, Any] | None = None,
        name: str = SHORT_ID,
        **more: Any,
    ) -> Run:
        fence = next(fences)
        where = {"store": kept.url, "options": kept.options if options is None else options} if kept else {}
        given = {
            "backups": backups(host, **where, expired=more.pop("expired", [])),
            "job": {"id": f"{action}-{fence}", "action": action} | more.pop("job", {}) | {"fence": fence},
        }
        return act(action, "open-data", VERSION, fence, {name: SAME | given | more})

    return once


@pytest.fixture(scope="module")
def portal(does, host: Layout) -> Path:
    """Its database; the server has the tools by then."""
    provisioned, backed_up = does("provision", release={"version": VERSION, "previous_version": ""}), does("back_up")
    assert (provisioned.status, backed_up.status) == ("successful", "successful"), backed_up.said
    return host.host_root / "instances" / SHORT_ID / "portal/portal.db"


@pytest.fixture(scope="module", params=KINDS)
def kept(request: pytest.FixtureRequest, tmp_path_factory) -> Iterator[Kept]:
    with KINDS[request.param](tmp_path_factory.mktemp(request.param)) as kept:
        yield kept


@pytest.fixture
def asked(kept: Kept, portal: Path, host: Layout) -> Asked:
    return Asked(host.host_root / "runtimes/backup-tools/bin/python", kept)


def write(portal: Path, text: str) -> None:
    with closing(sqlite3.connect(portal)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS stored (text TEXT)")
        connection.execute("INSERT INTO stored VALUES (?)", (text,))


def left_behind(host: Layout) -> list[str]:
    """Beside the whole folders of backups."""
    return [path.name for path in (host.host_root / "backups" / SHORT_ID).iterdir() if not path.is_dir()]


def test_what_is_put_into_a_store_is_read_back_fetched_and_removed(asked: Asked, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(range(256)) * 9000)
    asked.does("put", f"@{source}", "a/b é.tar.age")
    total = asked.does("sum_of", "a/b é.tar.age")
    asked.does("get", "a/b é.tar.age", f"@{target}")

    assert target.read_bytes() == source.read_bytes()
    assert total == asked.does("sum_of", "a/b é.tar.age")
    assert asked.does("sum_of", "a/b é.tar.age.part") is None
    assert [asked.does("remove", "a/b é.tar.age") for _ in range(2)] == [True, False]
    assert asked.does("sum_of", "a/b é.tar.age") is None


@pytest.mark.parametrize("kept", ["file"], indirect=True)
def test_no_name_leads_out_of_a_store(asked: Asked) -> None:
    for name in ("../a", "a/../../b", "/etc/passwd", "a//b", "", ".", "a/b\n", "a/\u202eb"):
        with pytest.raises(RuntimeError, match="no name in a store"):
            asked.does("remove", name)


def test_a_portal_is_backed_up_restored_and_its_old_backup_expires(
    does, kept: Kept, asked: Asked, portal: Path, host: Layout, address
) -> None:
    write(portal, f"in the backup of {kept.url}")
    taken = does("back_up", kept)
    told = taken.reports[SHORT_ID]["backup"]
    write(portal, f"after the backup of {kept.url}")

    restored = does("restore", kept, backup=backup(told))
    shown = get(f"{address(SHORT_ID)}/portal/stored.json?_shape=array")
    newer = does("back_up", kept, expired=[told["name"]])

    assert (told["store"], told["sha256"]) == (kept.url, taken.reports[SHORT_ID]["backup"]["sha256"])
    assert restored.status == "successful", restored.said
    assert f"in the backup of {kept.url}" in shown
    assert f"after the backup of {kept.url}" not in shown
    assert newer.reports[SHORT_ID]["expired"] == [told["name"]]
    assert asked.does("sum_of", told["name"]) is None
    assert (
        asked.does("sum_of", newer.reports[SHORT_ID]["backup"]["name"]) == newer.reports[SHORT_ID]["backup"]["sha256"]
    )
    assert left_behind(host) == []
    for secret in (kept.secret, str(IDENTITY)):
        assert not [run for run in (taken, restored, newer) if secret in run.everything]


@pytest.mark.parametrize("kept", ["sftp", "s3"], indirect=True)  # a folder asks nobody who he is
def test_who_is_refused_by_the_store_learns_it_and_changes_nothing(
    does, kept: Kept, portal: Path, host: Layout, address
) -> None:
    write(portal, "before the refusal")
    told = does("back_up", kept).reports[SHORT_ID]["backup"]

    not_kept = does("back_up", kept, kept.refused)
    not_fetched = does("restore", kept, kept.refused, backup=backup(told))

    assert not_kept.failures[SHORT_ID][0].startswith("The backup could not be kept: ")
    assert not_fetched.failures[SHORT_ID][0].startswith("The backup could not be fetched, nothing was changed: ")
    assert "before the refusal" in get(f"{address(SHORT_ID)}/portal/stored.json?_shape=array")
    assert left_behind(host) == []
    for secret in (kept.secret, *(value for name, value in kept.refused.items() if name in {"secret", "password"})):
        assert not [run for run in (not_kept, not_fetched) if secret in run.everything]


def test_an_object_that_was_altered_is_not_opened(
    does, kept: Kept, asked: Asked, portal: Path, host: Layout, tmp_path: Path, address
) -> None:
    write(portal, "before the alteration")
    told = does("back_up", kept).reports[SHORT_ID]["backup"]
    altered = tmp_path / "altered"
    asked.does("get", told["name"], f"@{altered}")
    altered.write_bytes(altered.read_bytes()[:-1] + b"x")
    asked.does("put", f"@{altered}", told["name"])

    run = does("restore", kept, backup=backup(told))

    assert run.failures[SHORT_ID][0].endswith(f"{told['name']} is not what was kept")
    assert "before the alteration" in get(f"{address(SHORT_ID)}/portal/stored.json?_shape=array")
    assert left_behind(host) == []


@pytest.mark.parametrize("kept", ["file"], indirect=True)
def test_what_cannot_be_removed_from_the_store_is_told_and_the_new_backup_counts(
    does, kept: Kept, asked: Asked
) -> None:
    Path(kept.url.removeprefix("file://"), "old.tar.age").mkdir(parents=True)

    run = does("back_up", kept, expired=["old.tar.age"])
    report = run.reports[SHORT_ID]

    assert run.status == "successful", run.said
    assert (report["expired"], list(report["lingering"])) == ([], ["old.tar.age"])
    assert asked.does("sum_of", report["backup"]["name"]) == report["backup"]["sha256"]


@pytest.mark.parametrize("kept", ["file"], indirect=True)
def test_a_removal_that_is_taken_up_again_keeps_the_backup_of_what_was_whole(
    does, kept: Kept, asked: Asked, host: Layout, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, job = "stores0002", {"id": "remove-twice", "action": "remove"}
    made = does("provision", name=name, release={"version": VERSION, "previous_version": ""})
    with socket.create_server(("127.0.0.1", 0)) as stranger, monkeypatch.context() as patch:
        patch.setitem(ports, name, stranger.getsockname()[1])  # where nothing may answer in the end
        first = does("remove", kept, name=name, job=job)
    (host.host_root / "instances" / name).mkdir()
    (host.host_root / "instances" / name / "rest").write_text("as if it had been only half erased")
    again = does("remove", kept, name=name, job=job)

    assert made.status == "successful", made.said
    assert "a service at" in first.failures[name][0]
    assert again.status == "successful", again.said
    assert again.reports[name]["backup"] == first.reports[name]["backup"]
    assert asked.does("sum_of", again.reports[name]["backup"]["name"]) == again.reports[name]["backup"]["sha256"]
    assert not (host.host_root / "instances" / name).exists()


def test_an_ssh_server_that_is_not_known_or_shows_another_key_is_told_nothing(
    portal: Path, host: Layout, tmp_path: Path
) -> None:
    with KINDS["sftp"](tmp_path) as kept:
        asked = Asked(host.host_root / "runtimes/backup-tools/bin/python", kept)
        name = kept.options["known_hosts"].split()[0]
        another = " ".join((tmp_path / "ssh/other_key.pub").read_text().split()[:2])

        with pytest.raises(RuntimeError, match="not found in known_hosts"):
            asked.does("sum_of", "anything", known_hosts="")
        with pytest.raises(RuntimeError, match="does not match"):
            asked.does("sum_of", "anything", known_hosts=f"{name} {another}\n")
