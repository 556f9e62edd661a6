"""Restores, reconfigurations, suspensions and resumptions that fail: what was there is there again, with its data."""

from pathlib import Path
from typing import Any

import pytest

from provisioner.embedded.layout import Layout

from .faults import ANSWERS_500, STARTS_NOT, broken_playbooks, kill_everything
from .inventory import PARAMETERS
from .reading import get, rest
from .runs import Run

pytestmark = pytest.mark.journey

VERSION, OLD = "2.6.0", "2.2.0"
SUSPENDED, CRASHING, BROKEN, BLOCKED, KILLED, RESTORED = (f"other0000{n}" for n in range(1, 7))
SAME = {"release": {"version": VERSION, "previous_version": VERSION}}
NEW_CONTACT = PARAMETERS["complaints"] | {"contact_email": "autre@rabat.example"}


def job(action: str, fence: int) -> dict[str, Any]:
    return {"job": {"id": f"{action}-{fence}", "action": action, "fence": fence}}


def breaks(welcome: str) -> dict[str, Any]:
    return SAME | {"parameters": NEW_CONTACT | {"welcome": welcome}}


def complain(address: str, title: str) -> None:
    rest(address, "issue", {"title": title, "description": title, "service": "roads"})


def titles(address: str) -> list[str]:
    return sorted(each["title"] for each in rest(address, "issue?@fields=title")["collection"])


@pytest.fixture(scope="module")
def broken(tmp_path_factory) -> Path:
    return broken_playbooks(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def complaints(act, address) -> None:
    names = (SUSPENDED, CRASHING, BROKEN, BLOCKED, KILLED)
    run = act("provision", "complaints", VERSION, 1, {name: {} for name in names})
    assert run.status == "successful", run.said
    for name in names:
        complain(address(name), "before")


def files(home: Path) -> dict[str, bytes]:
    """All that is no data and no log."""
    found = (path for path in home.rglob("*") if path.is_file())
    apart = (home / "logs", home / "tracker/db")
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in found
        if not path.is_relative_to(apart[0]) and not path.is_relative_to(apart[1])
    }


@pytest.fixture(scope="module")
def reconfigured(act, complaints, broken: Path, host: Layout, address) -> tuple[Run, dict[str, Any]]:
    """One run with settings that no service can bear, or that cannot be put in place; people go on complaining."""
    style = host.host_root / "instances" / BLOCKED / "tracker/html/style.css"
    style.unlink()
    (style / "in-the-way").mkdir(parents=True)
    given = {CRASHING: breaks(STARTS_NOT), BROKEN: breaks(ANSWERS_500), BLOCKED: SAME | {"parameters": NEW_CONTACT}}
    before = {name: files(host.host_root / "instances" / name) for name in given}
    complaining = {"instance_guard": lambda: [complain(address(name), "meanwhile") for name in given]}
    with_job = {name: each | job("reconfigure", 2) for name, each in given.items()}
    return act("reconfigure", "complaints", VERSION, 2, with_job, playbooks=broken, meanwhile=complaining), before


@pytest.mark.parametrize("short_id", [CRASHING, BROKEN, BLOCKED])
def test_a_configuration_that_fails_leaves_the_files_of_before_and_all_that_people_wrote_meanwhile(
    reconfigured: tuple[Run, dict[str, Any]], host: Layout, address, short_id: str
) -> None:
    run, before = reconfigured

    assert run.failures[short_id][-1].startswith("The new configuration failed, and the instance is as it was.")
    assert (run.reports[short_id]["health"], run.reports[short_id]["active_version"]) == ("healthy", VERSION)
    assert files(host.host_root / "instances" / short_id) == before[short_id]
    assert "contact@rabat.example" in get(address(short_id))
    assert set(titles(address(short_id))) == {"before", "meanwhile"}


def test_a_configuration_whose_run_is_killed_and_repeated_still_knows_what_was_before(
    act, complaints, broken: Path, host: Layout, address
) -> None:
    home = host.host_root / "instances" / KILLED
    before = files(home)
    same = job("reconfigure", 2)["job"]
    given = breaks(ANSWERS_500)
    act(
        "reconfigure",
        "complaints",
        VERSION,
        2,
        {KILLED: given | {"job": same}},
        playbooks=broken,
        meanwhile={"service": kill_everything},
    )
    half_done = files(home)

    run = act("reconfigure", "complaints", VERSION, 3, {KILLED: given | {"job": same | {"fence": 3}}}, playbooks=broken)

    assert half_done != before
    assert run.failures[KILLED][-1].startswith("The new configuration failed, and the instance is as it was.")
    assert files(home) == before
    assert titles(address(KILLED)) == ["before"]


def test_who_cannot_be_suspended_serves_on_and_who_cannot_be_resumed_keeps_its_notice(
    act, complaints, broken: Path, tmp_path: Path, address
) -> None:
    without_notice = broken_playbooks(tmp_path, notice=True)

    refused = act("suspend", "complaints", VERSION, 2, {SUSPENDED: SAME | job("suspend", 2)}, playbooks=without_notice)
    serving = titles(address(SUSPENDED))
    act("suspend", "complaints", VERSION, 3, {SUSPENDED: SAME | job("suspend", 3)})
    kept = act("resume", "complaints", VERSION, 4, {SUSPENDED: breaks(STARTS_NOT) | job("resume", 4)}, playbooks=broken)
    mended = act("resume", "complaints", VERSION, 5, {SUSPENDED: SAME | job("resume", 5)})

    assert refused.failures[SUSPENDED][-1].startswith("The instance could not be suspended, and it serves as before.")
    assert refused.reports[SUSPENDED]["active_version"] == VERSION
    assert serving == ["before"]
    assert kept.failures[SUSPENDED][-1].startswith("The instance could not be resumed, and its notice is back.")
    assert kept.reports[SUSPENDED]["active_version"] == "notice"
    assert mended.status == "successful", mended.said
    assert titles(address(SUSPENDED)) == ["before"]


def test_a_restore_that_fails_or_is_killed_loses_nothing_of_what_was_there(act, broken: Path, address) -> None:
    here = address(RESTORED)
    act("provision", "complaints", OLD, 1, {RESTORED: {}})
    complain(here, "in the backup")
    kept = act("back_up", "complaints", OLD, 2, {RESTORED: job("back_up", 2)}).reports[RESTORED]["backup"]
    act("update", "complaints", VERSION, 3, {RESTORED: {"release": {"version": VERSION, "previous_version": OLD}}})
    complain(here, "after the backup")
    given = {
        "release": {"version": OLD, "previous_version": VERSION},
        "backup": {"id": kept["name"], "name": kept["name"], "sha256": kept["sha256"]},
    }

    failed = act(
        "restore", "complaints", OLD, 4, {RESTORED: breaks(ANSWERS_500) | given | job("restore", 4)}, playbooks=broken
    )
    after_failure = titles(here)
    killed = act(
        "restore", "complaints", OLD, 5, {RESTORED: given | job("restore", 5)}, meanwhile={"restore": kill_everything}
    )
    restored = act("restore", "complaints", OLD, 6, {RESTORED: given | job("restore", 6)})

    assert failed.failures[RESTORED][-1].startswith(
        f"The restore to {OLD} failed, and the instance is back on {VERSION}"
    )
    assert failed.reports[RESTORED]["active_version"] == VERSION
    assert after_failure == ["after the backup", "in the backup"]
    assert (killed.status, killed.failures) == ("failed", {})
    assert restored.status == "successful", restored.said
    assert f"Roundup {OLD}" in get(here)
    assert titles(here) == ["in the backup"]
