"""Updates of complaints that fail at each step: what is left is one of three states, and never without its data."""

import hashlib
import json
import re
import shutil
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from provisioner.embedded.layout import Layout
from provisioner.instances.lifecycle import Action, is_known

from .faults import ANSWERS_500, STARTS_NOT, broken_playbooks, full_disk, kill_everything
from .inventory import PARAMETERS, SECRETS
from .reading import get, rest
from .runs import Run

pytestmark = pytest.mark.journey

OLD, NEW = "2.2.0", "2.6.0"
TITLES = [f"شكاية / Réclamation {number}" for number in range(3)]
UPDATE = {"release": {"version": NEW, "previous_version": OLD}}

WELL, NO_RUNTIME, NO_ROOM, BAD_FILES, BAD_MIGRATION, NO_START, NEVER_GREEN = (f"fault0000{n}" for n in range(1, 8))
GOES_BACK = {  # and what the person is told, as a pattern
    NO_ROOM: "No backup could be taken, nothing was changed",
    BAD_FILES: "The files of the instance could not be put in place",
    BAD_MIGRATION: "cannot alter type of a column used by a view",
    NO_START: "The service does not run|does not answer",
    NEVER_GREEN: "answers 500",
}
KILLED = {"faultkill1": "backup", "faultkill2": "files", "faultkill3": "prepare", "faultkill4": "health"}


def breaks(welcome: str) -> dict[str, Any]:
    return UPDATE | {"parameters": PARAMETERS["complaints"] | {"welcome": welcome}}


def titles(address: str) -> list[str]:
    """As the tracker gives them to its administrator, by HTTP."""
    return sorted(each["title"] for each in rest(address, "issue?@fields=title")["collection"])


def home(host: Layout, short_id: str) -> Path:
    return host.host_root / "instances" / short_id


def backups(host: Layout, short_id: str) -> Path:
    return host.host_root / "backups" / short_id


@pytest.fixture(scope="module")
def complaints(act, address) -> None:
    """A service for each fault, with complaints in it."""
    names = (WELL, NO_RUNTIME, *GOES_BACK, *KILLED)
    run = act("provision", "complaints", OLD, 1, {name: {} for name in names})
    assert run.status == "successful", run.said
    for name in names:
        for title in TITLES:
            rest(address(name), "issue", {"title": title, "description": title, "service": "roads"})


def put_in_the_way(host: Layout) -> None:
    """Of the migration a view, of the new files a folder."""
    with closing(
        psycopg.connect(
            host=str(host.tenants.socket_dir),
            user=BAD_MIGRATION,
            password=SECRETS["database_password"],
            dbname=BAD_MIGRATION,
            autocommit=True,
        )
    ) as connection:
        connection.execute("CREATE VIEW in_the_way AS SELECT session_time FROM sessions")
    style = home(host, BAD_FILES) / "tracker/html/style.css"
    style.unlink()
    (style / "in-the-way").mkdir(parents=True)


@pytest.fixture(scope="module")
def updated(act, complaints, host: Layout, tmp_path_factory) -> Run:
    """One update of them all; each but the first meets something else."""
    put_in_the_way(host)
    given = dict.fromkeys((WELL, NO_ROOM, BAD_FILES, BAD_MIGRATION), UPDATE)
    given |= {NO_START: breaks(STARTS_NOT), NEVER_GREEN: breaks(ANSWERS_500)}
    given[NO_RUNTIME] = {"release": {"version": "9.9.9", "previous_version": OLD}}
    with ExitStack() as disks:
        disks.enter_context(full_disk(backups(host, NO_ROOM)))
        run = act("update", "complaints", NEW, 2, given, playbooks=broken_playbooks(tmp_path_factory.mktemp("release")))
        run.left = sorted(path.name for path in backups(host, NO_ROOM).iterdir())
    return run


def test_neighbours_of_those_that_fail_are_on_the_new_release(updated: Run, address) -> None:
    assert set(updated.failures) == {NO_RUNTIME, *GOES_BACK}
    assert (updated.reports[WELL]["health"], updated.reports[WELL]["active_version"]) == ("healthy", NEW)
    assert titles(address(WELL)) == TITLES


@pytest.mark.parametrize("short_id", GOES_BACK)
def test_whatever_fails_the_old_release_serves_again_with_all_complaints(
    updated: Run, address, host: Layout, short_id: str
) -> None:
    report, told = updated.reports[short_id], updated.failures[short_id][-1]
    serving = (report["health"], report["active_version"]) == ("healthy", OLD)

    assert serving
    assert is_known(Action.UPDATE, failed=True, serving=serving)
    assert told.startswith(f"The update to {NEW} failed, and the instance is back on {OLD} with its data.")
    assert re.search(GOES_BACK[short_id], told)
    assert f"Roundup {OLD}" in get(address(short_id))
    assert titles(address(short_id)) == TITLES
    assert rest(address(short_id), "issue", {"title": "after", "description": "x", "service": "roads"})["id"]


def test_a_disk_that_is_full_is_left_as_it_was(updated: Run) -> None:
    assert updated.left == ["filler"]


def test_where_the_runtime_is_missing_nothing_is_touched(updated: Run, address) -> None:
    assert updated.failures[NO_RUNTIME][0].startswith("Nothing was touched")
    assert NO_RUNTIME not in updated.reports
    assert f"Roundup {OLD}" in get(address(NO_RUNTIME))
    assert titles(address(NO_RUNTIME)) == TITLES


@pytest.fixture(scope="module")
def killed(act, complaints) -> dict[str, Run]:
    """Each in the middle of an update of its own, when it had come to another step."""
    return {
        name: act("update", "complaints", NEW, 2, {name: UPDATE}, meanwhile={role: kill_everything})
        for name, role in KILLED.items()
    }


def is_whole(backup: Path) -> bool:
    parts = json.loads((backup / "manifest.json").read_text())["parts"]
    sums = {name: hashlib.sha256((backup / name).read_bytes()).hexdigest() for name in parts}
    return set(parts) == {"files.tar", "database.dump"} and all(
        sums[name] == part["sha256"] for name, part in parts.items()
    )


@pytest.mark.parametrize("short_id", KILLED)
def test_who_is_killed_in_the_middle_asks_for_a_person_and_leaves_a_whole_backup_or_untouched_data(
    killed: dict[str, Run], host: Layout, short_id: str
) -> None:
    backup = backups(host, short_id) / "before-job-2"

    assert killed[short_id].status == "failed"
    assert not killed[short_id].failures  # nothing came to its own end
    assert not is_known(Action.UPDATE, failed=False, serving=False)
    assert KILLED[short_id] == "backup" or is_whole(backup)


@pytest.fixture(scope="module")
def again(act, killed) -> Run:
    """The update once more, as a new job that a person asked for."""
    job = {"id": "job-3", "action": "update", "fence": 3}
    return act("update", "complaints", NEW, 3, {name: UPDATE | {"job": job} for name in KILLED})


@pytest.mark.parametrize("short_id", KILLED)
def test_asked_for_again_the_update_comes_to_its_end_with_all_complaints(again: Run, address, short_id: str) -> None:
    assert again.reports.get(short_id, {}).get("active_version") == NEW, again.failures
    assert titles(address(short_id)) == TITLES


def test_the_backup_that_a_killed_update_left_brings_the_old_release_back(
    act, again: Run, host: Layout, address
) -> None:
    short_id = "faultkill4"
    shutil.copytree(backups(host, short_id) / "before-job-2", backups(host, short_id) / "fetched-job-4")
    rest(address(short_id), "issue", {"title": "after the update", "description": "x", "service": "roads"})

    run = act(
        "restore",
        "complaints",
        OLD,
        4,
        {
            short_id: {
                "release": {"version": OLD, "previous_version": NEW},
                "backup": {"id": "", "name": "", "sha256": ""},
            }
        },
    )

    assert run.status == "successful", run.said
    assert f"Roundup {OLD}" in get(address(short_id))
    assert titles(address(short_id)) == TITLES
