"""Nothing acts on an instance before its turn, and one of several can be stopped alone. The runs are real."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provisioner.hosts.models import Connection, Host
from provisioner.instances import variables
from provisioner.instances.variables import RunOrder
from tests import ssh
from tests.running import wait_for
from tests.worker.playing import HERE
from worker import passing
from worker.gate import Gate
from worker.run import Run

FIRST, SECOND = "first", "second"
# Notes that it is there, and then stays until it is allowed to go.
STAY = """
import pathlib, sys, time
here, name = pathlib.Path(sys.argv[1]), sys.argv[2]
(here / f"{name} began").touch()
while not (here / f"{name} may go").exists():
    time.sleep(0.05)
(here / f"{name} ended").touch()
"""


@pytest.fixture
def order(tmp_path: Path) -> RunOrder:
    """Two instances, each with a task that stays."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "ansible.cfg").write_text("[defaults]\nstrategy = host_pinned\n[connection]\npipelining = True\n")
    argv = [sys.executable, "-c", STAY, str(tmp_path), "{{ inventory_hostname }}"]
    task = {"name": "Stay", "ansible.builtin.command": {"argv": argv}, "changed_when": True}
    play = {"name": "Play", "hosts": "instances", "gather_facts": False, "tasks": [task]}
    (project / "play.yml").write_text(json.dumps([play]))
    instances = {name: dict(HERE) for name in (FIRST, SECOND)}
    return RunOrder(str(project), "play.yml", {}, instances, secrets=(), changed=False, forks=2)


class Heard:
    """Listens to a run until something comes."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.messages: list[dict[str, Any]] = []

    def __call__(self, key: str, value: Any = None) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            self.messages += self._run.messages(0.1) or ()
            return next((each for each in self.messages if key in each and value in {None, each[key]}), None)

        return wait_for(f"{key} {value}", found, 60)  # type: ignore[no-any-return]


def test_nothing_acts_before_it_is_admitted_nor_after_it_was_refused(order: RunOrder, tmp_path: Path) -> None:
    with Run(order, "gate", 60, 1e9) as run:
        heard = Heard(run)
        heard("begin", FIRST)
        heard("begin", SECOND)
        assert not list(tmp_path.glob("* began"))

        run.refuse([SECOND])
        run.admit([FIRST])
        (tmp_path / f"{FIRST} may go").touch()
        end = heard("end")

    assert [path.name for path in tmp_path.glob("* began")] == [f"{FIRST} began"]
    assert (end["failed"], end["unreachable"]) == ([SECOND], [])


def test_one_is_stopped_with_all_that_it_started_and_the_other_goes_on(order: RunOrder, tmp_path: Path) -> None:
    with Run(order, "gate", 60, 1e9) as run:
        heard = Heard(run)
        run.admit([FIRST, SECOND])
        for name in (FIRST, SECOND):
            wait_for(name, (tmp_path / f"{name} began").exists)

        run.stop_some([SECOND])
        stopped = heard("stopped")
        for name in (FIRST, SECOND):
            (tmp_path / f"{name} may go").touch()
        end = heard("end")

    assert stopped["stopped"] == SECOND
    assert stopped["what"]["left"] == 0
    assert any(SECOND in command for _, command in stopped["what"]["processes"]), stopped
    assert not any(FIRST in command for _, command in stopped["what"]["processes"]), stopped
    assert [path.name for path in tmp_path.glob("* ended")] == [f"{FIRST} ended"]
    assert (end["failed"], end["unreachable"]) == ([SECOND], [])


def test_who_opened_the_line_to_a_server_is_stopped_and_the_others_keep_it(order: RunOrder, tmp_path: Path) -> None:
    """They share one connection, which the ssh of whoever came first holds."""
    with ssh.server(tmp_path / "server") as server:
        host = Host(
            name="far",
            address=ssh.ADDRESS,
            connection=Connection.SSH,
            facts={"python": sys.executable, "ssh": server.facts()},
        )
        far = variables.connection(host) | {"ansible_become": False}  # we are whoever runs the tests
        there = replace(order, instances={FIRST: far, SECOND: far}, known_hosts=server.facts()["known_hosts"])
        with Run(there, "gate", 60, 1e9) as run:
            heard = Heard(run)
            for name in (SECOND, FIRST):
                run.admit([name])
                wait_for(name, (tmp_path / f"{name} began").exists)

            run.stop_some([SECOND])
            stopped = heard("stopped")
            (tmp_path / f"{FIRST} may go").touch()
            end = heard("end")
        (tmp_path / f"{SECOND} may go").touch()  # nobody can stop what acts over there

    assert stopped["what"]["left"] == 0
    assert any("ssh" in name for name, _ in stopped["what"]["processes"]), stopped
    assert (tmp_path / f"{FIRST} ended").exists()
    assert (end["failed"], end["unreachable"]) == ([SECOND], [])


def test_what_ssh_tells_of_its_failure_is_not_lost_in_a_broken_pipe(tmp_path: Path) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\necho 'Permission denied' >&2\nexit 255\n")
    ssh.chmod(0o700)
    Gate(lambda _: None, []).open(tmp_path)
    command = [sys.executable, "-I", "-S", passing.__file__, str(tmp_path / passing.SOCKET), FIRST, "a-server"]
    surroundings = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with subprocess.Popen(command, env=surroundings, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as passes:
        assert passes.stdin
        assert passes.stderr
        assert passes.stderr.readline() == b"Permission denied\n"
        time.sleep(0.2)  # Ansible is slow today

        passes.stdin.write(b"a module" * 100_000)
        passes.stdin.close()

        assert passes.wait(60) == passing.FAILED
