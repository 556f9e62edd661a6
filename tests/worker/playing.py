"""A real run of a small playbook, and what it says."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from provisioner.instances.variables import RunOrder
from worker.run import Run

HERE = {
    "ansible_connection": "local",
    "ansible_host": "127.0.0.1",
    "ansible_python_interpreter": sys.executable,
}
INSTANCE = "abc"


def order(project: Path, *tasks: dict[str, Any], known_hosts: str = "", **variables: Any) -> RunOrder:
    """A playbook of these tasks for the one instance; the folder gets the service's own ansible.cfg."""
    project.mkdir(exist_ok=True)
    ours = Path(__file__).parents[2] / "playbooks" / "ansible.cfg"
    (project / "ansible.cfg").write_text(ours.read_text())
    play = {"name": "Play", "hosts": "instances", "gather_facts": False, "tasks": list(tasks)}
    (project / "play.yml").write_text(json.dumps([play]))
    instances = {INSTANCE: HERE | variables}
    return RunOrder(str(project), "play.yml", {}, instances, secrets=(), changed=False, known_hosts=known_hosts)


def python(name: str, script: str) -> dict[str, Any]:
    """A task that runs this script."""
    argv = ["{{ ansible_python_interpreter }}", "-c", script]
    return {"name": name, "ansible.builtin.command": {"argv": argv}, "changed_when": True}


def heard(run: Run, enough: Callable[[list[dict[str, Any]]], bool] = lambda _: False) -> list[dict[str, Any]]:
    """What a run says until it falls silent, or has said enough; every instance may begin as soon as it asks."""
    messages: list[dict[str, Any]] = []
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up and not enough(messages):
        said = run.messages(0.1)
        run.prove(time.monotonic())
        if said is None:
            return messages
        for message in said:
            if "begin" in message:
                run.admit([message["begin"]])
            else:
                messages.append(message)
    assert enough(messages), "waited too long"
    return messages
