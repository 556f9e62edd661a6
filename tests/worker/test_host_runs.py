"""Runs on a host itself: what they report, what they print, and how they end."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioner.catalogue import folders
from provisioner.hosts.models import Connection, Host
from tests import ssh
from tests.running import processes
from tests.ssh import Server
from worker import host_runs
from worker.host_runs import carry_out

CONFIG = Path(__file__).parents[2] / "playbooks" / "ansible.cfg"
TELL = """
import json, sys
from ansible.module_utils.basic import AnsibleModule

module = AnsibleModule(argument_spec={"name": {"type": "str"}, "value": {"type": "raw"}})
module.exit_json(changed=False, prov_report={module.params["name"]: module.params["value"]})
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of playbooks with a module that reports what it is given."""
    for name in ("hosts", "library"):
        (tmp_path / name).mkdir()
    (tmp_path / "ansible.cfg").write_text(CONFIG.read_text())
    (tmp_path / "library" / "tell.py").write_text(TELL)
    monkeypatch.setattr(folders, "project", lambda: tmp_path)
    return tmp_path


def playbook(project: Path, *tasks: dict[str, Any]) -> None:
    ourselves = {"ansible_become": False}  # whoever runs the tests
    play = {"name": "Play", "hosts": "servers", "gather_facts": False, "vars": ourselves, "tasks": list(tasks)}
    (project / "hosts" / "look.yml").write_text(json.dumps([play]))


def tell(name: str, value: str) -> dict[str, Any]:
    return {"name": f"Tell {name}", "tell": {"name": name, "value": value}}


def command(*argv: str) -> dict[str, Any]:
    return {"name": "Act", "ansible.builtin.command": {"argv": list(argv)}, "changed_when": True}


@pytest.fixture
def here() -> Host:
    facts = {"python": sys.executable, "root": "/srv/host"}
    return Host(name="here", address="127.0.0.1", connection=Connection.LOCAL, facts=facts)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with ssh.server(tmp_path_factory.mktemp("ssh") / "server") as server:
        yield server


@pytest.fixture
def far(server: Server) -> Host:
    facts = {"python": "python3", "root": "/srv/far", "ssh": server.facts()}
    return Host(name="far", address=ssh.ADDRESS, connection=Connection.SSH, facts=facts)


def test_the_reports_of_all_modules_are_one(project: Path, here: Host) -> None:
    playbook(project, tell("root", "{{ host.root }}"), tell("wish", "{{ wish }}"))

    run = carry_out(here, "look", {"wish": "{{ lookup('pipe', 'id') }}"})

    assert run.succeeded, run.said
    assert run.report == {"root": "/srv/host", "wish": "{{ lookup('pipe', 'id') }}"}
    assert "Tell root" in run.said


def test_a_host_that_is_reached_by_ssh_is_looked_at_in_the_same_way(project: Path, far: Host) -> None:
    playbook(project, tell("root", "{{ host.root }}"))

    run = carry_out(far, "look", {})

    assert (run.succeeded, run.report) == (True, {"root": "/srv/far"}), run.said


def test_a_host_that_does_not_answer_is_a_failure_that_says_so(project: Path, far: Host) -> None:
    far.facts = far.facts | {"ssh": far.facts["ssh"] | {"port": ssh.free_port()}}
    playbook(project, tell("root", "x"))

    run = carry_out(far, "look", {})

    assert (run.succeeded, run.report) == (False, {})
    assert "UNREACHABLE" in run.said


def test_a_failed_task_is_a_failure_and_what_was_reported_before_it_is_kept(project: Path, here: Host) -> None:
    playbook(project, tell("first", "x"), command("false"), tell("second", "x"))

    run = carry_out(here, "look", {})

    assert (run.succeeded, run.report) == (False, {"first": "x"})
    assert "non-zero return code" in run.said


def test_secrets_are_not_seen_in_what_it_says_or_reports(project: Path, here: Host) -> None:
    playbook(project, tell("secret", "{{ wish }}"), command("false", "{{ wish }}"))

    run = carry_out(here, "look", {"wish": "a-canary-in-the-mine"}, secrets=["a-canary-in-the-mine"])

    assert "canary" not in run.said
    assert "canary" not in str(run.report)


def test_a_run_that_takes_too_long_is_stopped_with_all_that_it_started(project: Path, here: Host) -> None:
    playbook(project, command("sleep", "61.25"))

    run = carry_out(here, "look", {}, patience=3)

    assert not run.succeeded
    assert host_runs.TOO_LONG % 3 in run.said
    assert processes("sleep", "61.25") == []
