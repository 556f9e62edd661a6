import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
    (host.supervisor_conf_dir / "a000000077.conf").unlink(missing_ok=True)


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

    result = service(digest="2")

    assert result["drift"] == ["service: configuration differs"]
    assert starts(tmp_path) == 2


def test_a_configuration_that_was_written_but_not_taken_up_is_taken_up(service, host, tmp_path: Path):
    service(digest="1")
    file = host.supervisor_conf_dir / "a000000077.conf"
    file.write_text(file.read_text().replace('DIGEST="1"', 'DIGEST="2"'))

    result = service(digest="2")

    assert result["drift"] == ["service: configuration differs"]
    assert starts(tmp_path) == 2


def test_it_can_be_stopped_and_started_again(service):
    service()

    assert service(state="stopped")["changed"]
    assert not service(state="stopped")["changed"]
    assert service(check=True)["drift"] == ["service: it is stopped"]
    assert service()["drift"] == ["service: it is stopped"]


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
