"""A real host is looked at, compared with the register, and cleared of what nobody owns."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from provisioner.db import db, transaction
from provisioner.embedded.layout import Layout
from provisioner.embedded.postgres import bin_dir
from provisioner.findings import deciding, queries
from provisioner.findings.lifecycle import FindingState
from provisioner.hosts import local, service as hosts
from provisioner.hosts.models import Connection, Host
from provisioner.hosts.service import Registration
from provisioner.instances.models import Instance
from tests import factories
from tests.findings.looks import begun, found, kinds, looked, report
from tests.statements import counted
from worker import surveys

from .conftest import Module, machine

RUNTIME = "complaints-1.0"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Layout]:
    """One of its own: on that of the other tests is whatever they have left."""
    with machine(tmp_path_factory.mktemp("host"), request.config.cache.mkdir("wheels")) as layout:
        yield layout


@pytest.fixture
def cluster(host: Layout) -> dict[str, Any]:
    return {
        "bin": str(bin_dir(host.tenants)),
        "socket_dir": str(host.tenants.socket_dir),
        "port": host.tenants.port,
        "superuser_password_file": str(host.tenants.superuser_password_file),
    }


@pytest.fixture
def supervisor(host: Layout) -> dict[str, str]:
    return {"socket": str(host.supervisor_socket), "conf_dir": str(host.supervisor_conf_dir)}


class Estate:
    """Things on the host, made as roles make them."""

    def __init__(self, host: Layout, module: Module, supervisor: dict[str, str], cluster: dict[str, Any]) -> None:
        self.root = host.host_root
        self._module = module
        self._supervisor = supervisor
        self._cluster = cluster
        self._services: set[str] = set()
        self._databases: set[str] = set()
        self._program = self.root / "runtimes" / RUNTIME / "bin" / "sleep"
        self._program.parent.mkdir(parents=True, exist_ok=True)
        if not self._program.exists():
            self._program.symlink_to(shutil.which("sleep") or "/bin/sleep")

    def _make(self, module: str, **given: Any) -> None:
        result = self._module(module, **given)
        assert not result.get("failed"), result["msg"]

    def service(self, name: str, state: str = "running") -> None:
        self._services.add(name)
        command = [str(self._program), "600"]
        self._make("instance_service", name=name, state=state, command=command, **self._supervisor)

    def folder(self, name: str, above: str = "instances") -> Path:
        folder = self.root / above / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "data").write_text("precious")
        return folder

    def database(self, name: str) -> None:
        self._databases.add(name)
        self._make("instance_database", name=name, password="canary-password", **self._cluster)

    def instance(self, short_id: str) -> None:
        self.folder(short_id)
        self.service(short_id)
        self.database(short_id)

    def clear(self) -> None:
        for name in self._services:
            self._make("instance_service", name=name, state="absent", **self._supervisor)
        for above in ("instances", "notices", "cleared"):
            for folder in (self.root / above).glob("*"):
                shutil.rmtree(folder)
        erased = {"address": "http://127.0.0.1:1", "folders": []}
        for name in self._databases:
            self._make("instance_erase", database={**self._cluster, "name": name, "password": "x"}, **erased)


@pytest.fixture
def estate(host: Layout, module: Module, supervisor: dict[str, str], cluster: dict[str, Any]) -> Iterator[Estate]:
    made = Estate(host, module, supervisor, cluster)
    yield made
    made.clear()


@pytest.fixture
def registered(app: Flask, host: Layout, cluster: dict[str, Any], supervisor: dict[str, str]) -> Host:
    """The host in the register."""
    factories.app()
    facts = {
        "root": str(host.host_root),
        "supervisor_socket": supervisor["socket"],
        "supervisor_conf_dir": supervisor["conf_dir"],
        **{f"postgres_{name}": value for name, value in cluster.items()},
        "python": sys.executable,
    }
    with transaction():
        return hosts.register(
            Registration("here", local.ADDRESS, Connection.LOCAL, factories.SITE, 20000, 20999, facts, 100)
        )


@pytest.fixture
def instances(registered: Host, estate: Estate) -> list[Instance]:
    """Three of them, in the register and on the host."""
    made = [factories.instance(factories.administration(), release="1.0") for _ in range(3)]
    for each in made:
        estate.instance(each.short_id)
    return made


def look(registered: Host) -> None:
    """What the worker's task does once it has taken the host."""
    taken = begun(registered)
    surveys.carry_on(taken)
    assert queries.survey("here").failure is None, queries.survey("here").failure


def test_what_people_did_by_hand_is_found_and_found_again(
    registered: Host, instances: list[Instance], estate: Estate
) -> None:
    removed, stopped, fine = [each.short_id for each in instances]
    look(registered)
    assert found() == []
    shutil.rmtree(estate.root / "instances" / removed)
    estate.service(stopped, "stopped")
    estate.service("foreign001")
    estate.database("stray00001")
    estate.folder("left000001", "notices")

    look(registered)
    first = found()
    look(registered)

    assert kinds() == {
        ("missing_instance", removed),
        ("not_running", stopped),
        ("unknown_service", "foreign001"),
        ("unknown_database", "stray00001"),
        ("unknown_instance", "left000001"),
    }
    assert {each.id for each in found()} == {each.id for each in first}
    facts = queries.survey("here").facts
    assert facts["runtimes"] == [RUNTIME]
    assert facts["postgres"].partition(".")[0].isdecimal()
    assert facts["disk"]["free"] > 0
    assert fine not in str(found())


def test_what_nobody_owns_is_taken_away_and_a_last_copy_kept(
    registered: Host, instances: list[Instance], estate: Estate
) -> None:
    estate.folder("stray00001")
    estate.service("stray00001")
    estate.database("stray00001")
    look(registered)
    for each in found():
        with transaction():
            deciding.remove(each.id, "nobody's")

    look(registered)

    settled = found(FindingState.SETTLED)
    assert len(settled) == 3
    assert found() == []
    copies = [Path(each.outcome) for each in settled]
    assert {file.name for copy in copies for file in copy.rglob("*") if file.is_file()} == {
        "data", "stray00001.conf", "stray00001.started", "database.dump",
    }  # fmt: skip
    assert all(copy.parent == estate.root / "cleared" for copy in copies)
    assert not (estate.root / "instances" / "stray00001").exists()


def test_a_name_that_no_path_should_have_is_not_cleared(registered: Host, estate: Estate) -> None:
    estate.folder("a b")
    look(registered)
    (finding,) = found()
    with transaction():
        deciding.remove(finding.id, "nobody's")

    look(registered)

    (again,) = found()
    assert (again.id, again.outcome) == (finding.id, "'a b' is not a name that anything here is given")
    assert (estate.root / "instances" / "a b" / "data").exists()


def test_a_host_without_its_supervisor_says_so_and_nothing_is_closed(registered: Host, estate: Estate) -> None:
    estate.folder("stray00001")
    look(registered)
    with transaction():
        host = db.session.get_one(Host, registered.id)
        host.facts = host.facts | {"supervisor_socket": "/nowhere/supervisor.sock"}

    surveys.carry_on(begun(registered))

    assert "It could not be seen what the server has" in queries.survey("here").failure
    assert kinds() == {("unknown_instance", "stray00001")}


def test_the_module_changes_nothing_and_needs_no_database(module: Module, host: Layout, supervisor: Any) -> None:
    result = module("host_survey", check=True, root=str(host.host_root), **supervisor)

    assert result["changed"] is False
    assert result["prov_report"]["survey"]["databases"] == []


UNITS = """\
Id=prov-a000000001.service
ActiveState=active
WorkingDirectory=/srv/p/instances/a000000001
ExecStart={ path=/srv/p/runtimes/open-data-0.65.5/bin/datasette ; argv[]=/srv/p/runtimes/open-data-0.65.5/bin/datasette serve ; }

Id=prov-b000000002.service
ActiveState=failed
WorkingDirectory=/srv/p/notices/b000000002
ExecStart={ path=/usr/bin/python3 ; argv[]=/usr/bin/python3 -I -B serve.py ; }

Id=prov-c000000003.service
LoadState=not-found
ActiveState=inactive
"""  # noqa: E501 - as systemctl says it


def test_services_of_systemd_are_told_by_its_units(
    module: Module, host: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{UNITS.replace('/srv/p', str(host.host_root))}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    result = module("host_survey", root=str(host.host_root), service_manager="systemd")

    assert result["prov_report"]["survey"]["services"] == {
        "a000000001": {"state": "running", "serves": "open-data-0.65.5"},
        "b000000002": {"state": "failed", "serves": "notice"},
    }


def test_a_thousand_instances_are_compared_with_a_fixed_number_of_questions(registered: Host) -> None:
    few, many = (_questions(registered, number) for number in (1, 1000))

    assert many == few


def _questions(registered: Host, number: int) -> int:
    taken = begun(registered)
    told = report(databases=[f"x{each:09}" for each in range(number)])
    with counted() as statements:
        looked(registered, told, taken)
    return len(statements)
