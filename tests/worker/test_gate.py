"""Nothing acts on an instance before its turn, and one of several can be stopped alone. The runs are real."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from provisioner.instances.variables import RunOrder
from tests.running import wait_for
from tests.worker.playing import HERE
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
