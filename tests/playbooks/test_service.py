import sys
import time
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playbooks.module_utils.unix_rpc import connect

SAY = "import os, time; print('started', os.environ['GREETING'], flush=True); time.sleep(600)"


@pytest.fixture
def wanted(module, host, tmp_path: Path) -> Iterator[dict[str, Any]]:
    places = {"socket": str(host.supervisor_socket), "conf_dir": str(host.supervisor_conf_dir), "name": "a000000077"}
    yield {
        **places,
        "command": [sys.executable, "say.py"],
        "directory": str(tmp_path),
        "environment": {"GREETING": "100% salam"},
        "log": str(tmp_path / "service.log"),
    }
    module("instance_service", **places, state="stopped")
    for file in host.supervisor_conf_dir.glob("a000000077.*"):
        file.unlink()


@pytest.fixture
def service(module, wanted, tmp_path: Path):
    (tmp_path / "say.py").write_text(SAY)

    def converge(*, check: bool = False, **changes: object) -> dict[str, Any]:
        return module("instance_service", check=check, **wanted | changes)

    return converge


def starts(tmp_path: Path) -> int:
    return (tmp_path / "service.log").read_text().count("started 100% salam")


def test_a_service_runs_and_the_second_time_nothing_changes(service, tmp_path: Path):
    first, second = service(), service()

    assert (first["changed"], second["changed"]) == (True, False)
    assert starts(tmp_path) == 1


def test_it_restarts_when_the_files_it_reads_have_changed(service, tmp_path: Path):
    service(digest="1")

    seen, result = service(digest="2", check=True), service(digest="2")

    assert seen["drift"] == result["drift"] == ["service: its files have changed since it started"]
    assert starts(tmp_path) == 2
    assert not service(digest="2")["changed"]


def test_it_restarts_with_another_command(service, tmp_path: Path):
    service()

    result = service(command=[sys.executable, "-B", "say.py"])

    assert result["drift"] == ["service: configuration differs"]
    assert "-B say.py" in result["diff"]["after"]
    assert "-B say.py" not in result["diff"]["before"]
    assert starts(tmp_path) == 2


def test_a_configuration_that_was_written_but_not_taken_up_is_taken_up(service, host, tmp_path: Path):
    service()
    file = host.supervisor_conf_dir / "a000000077.conf"
    file.write_text(file.read_text().replace("salam", "marhaba"))

    result = service(environment={"GREETING": "100% marhaba"})

    assert result["drift"] == ["service: configuration differs"]
    assert "started 100% marhaba" in (tmp_path / "service.log").read_text()


def test_one_that_was_edited_is_put_right(service, host):
    service()
    file = host.supervisor_conf_dir / "a000000077.conf"
    wanted = file.read_text()
    file.write_text(wanted.replace("salam", "marhaba"))

    assert service()["drift"] == ["service: configuration differs"]
    assert file.read_text() == wanted
    assert not service()["changed"]


def test_where_nobody_knows_with_which_files_it_was_started_it_starts_again(service, host, tmp_path: Path):
    service(digest="1")
    (host.supervisor_conf_dir / "a000000077.started").unlink()

    assert service(digest="1")["drift"] == ["service: its files have changed since it started"]
    assert not service(digest="1")["changed"]
    assert starts(tmp_path) == 2


def test_the_configuration_of_others_is_not_taken_up(service, module, wanted, host):
    other = host.supervisor_conf_dir / "a000000078.conf"
    other.write_text("[program:a000000078]\ncommand=/bin/false\n")
    try:
        service(digest="1")
        service(digest="2")
        assert service(name="a000000078", check=True)["drift"][-1] == "service: it is absent"
    finally:
        other.unlink()


def test_people_are_told_by_supervisord_what_has_changed(service, host):
    """So that `supervisorctl update` stops and starts no other."""
    service()
    file = host.supervisor_conf_dir / "a000000077.conf"
    file.write_text(file.read_text().replace("salam", "marhaba"))
    other = host.supervisor_conf_dir / "a000000078.conf"
    other.write_text("[program:a000000078]\ncommand=/bin/false\n")
    try:
        with connect(str(host.supervisor_socket)) as server:
            ((added, changed, _removed),) = server.supervisor.reloadConfig()
            other.write_text("not so")
            with pytest.raises(xmlrpc.client.Fault, match="CANT_REREAD"):
                server.supervisor.reloadConfig()
    finally:
        other.unlink()

    assert (added, changed) == (["a000000078"], ["a000000077"])


def test_it_can_be_stopped_and_started_again(service):
    service()

    assert service(state="stopped")["changed"]
    assert not service(state="stopped")["changed"]
    drift = ["service: configuration differs", "service: it is stopped"]  # it does not say any more that it begins
    assert service(check=True)["drift"] == drift
    assert service()["drift"] == drift


def test_one_that_was_stopped_stays_down_when_supervisord_begins_anew(service, host):
    service()
    service(state="stopped")
    with connect(str(host.supervisor_socket)) as server:
        server.supervisor.removeProcessGroup("a000000077")
        server.supervisor.takeUp("a000000077")
        server.supervisor.addProcessGroup("a000000077")
        time.sleep(0.3)
        state = server.supervisor.getProcessInfo("a000000077")["statename"]
    again = service()

    assert state == "STOPPED"
    assert again["changed"]
    assert not service()["changed"]


def test_looking_only_starts_nothing(service, host):
    result = service(check=True, name="a000000076")

    assert result["drift"] == ["service: configuration differs", "service: it is absent"]
    assert not (host.supervisor_conf_dir / "a000000076.conf").exists()


def test_a_service_that_does_not_stay_up_fails_with_its_last_words(service, tmp_path: Path):
    (tmp_path / "say.py").write_text("raise SystemExit('no room left')")

    began = time.monotonic()
    result = service()

    assert result["msg"].startswith("The service does not run, it is fatal.")
    assert "no room left" in result["msg"]
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("text", ["line\nbreak", "semi ; colon", 'quote"', "back\\slash"])
def test_what_the_configuration_cannot_spell_is_refused(service, host, text: str):
    result = service(environment={"GREETING": text})

    assert "cannot stand in the configuration of a service" in result["msg"]
    assert not (host.supervisor_conf_dir / "a000000077.conf").exists()
