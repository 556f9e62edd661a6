"""Runs a playbook as the engine does, through ansible-runner, and keeps what it reported."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner

from worker import connection

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
# A process whose child stands ready for the modules of runs, in this folder, until its input ends.
TARGET = "import pathlib, sys; from worker import warm; warm.start_target(pathlib.Path(sys.argv[1])); sys.stdin.read()"
COPIED = "visitors"  # the slug that a copy of the template gets
Meanwhile = Mapping[str, Callable[[], None]]  # what happens when a run comes to a role


@dataclass
class Run:
    """What one run said, per inventory host."""

    status: str = ""
    changed: dict[str, int] = field(default_factory=dict)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, list[str]] = field(default_factory=dict)
    said: str = ""
    everything: str = ""
    meanwhile: Meanwhile = field(default_factory=dict)
    left: list[str] = field(default_factory=list)  # what a test found in a folder before it was gone

    def hear(self, event: dict[str, Any]) -> bool:
        self.said += event.get("stdout", "") + "\n"
        self.everything += str(event)
        data = event.get("event_data", {})
        result, host = data.get("res") or {}, data.get("host", "")
        if "prov_report" in result:
            self.reports.setdefault(host, {}).update(result["prov_report"])
        if event["event"] == "playbook_on_stats":
            self.changed = data["changed"]
        if event["event"] == "runner_on_failed":
            self.failures.setdefault(host, []).append(result["msg"])
        if event["event"] == "playbook_on_task_start" and data.get("role") in self.meanwhile:
            self.meanwhile[data["role"]]()
        return False


def with_the_template(playbooks: Path) -> Path:
    """A copy of all playbooks in which the template became an app, as the guide says."""
    shutil.copytree(PLAYBOOKS, playbooks)
    shutil.copytree(PLAYBOOKS / "template/my-app", playbooks / "apps" / COPIED)
    manifest = playbooks / "apps" / COPIED / "app.yml"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("my-app", COPIED), encoding="utf-8")
    return playbooks


def play(
    folder: Path,
    inventory: Path,
    playbook: str,
    playbooks: Path = PLAYBOOKS,
    meanwhile: Meanwhile | None = None,
) -> Run:
    run = Run(meanwhile=meanwhile or {})
    finished = ansible_runner.run(
        private_data_dir=str(folder),
        project_dir=str(playbooks),
        playbook=playbook,
        inventory=str(inventory),
        envvars={
            "ANSIBLE_CONFIG": str(playbooks / "ansible.cfg"),
            "ANSIBLE_CONNECTION_PLUGINS": str(Path(connection.__file__).parent),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        event_handler=run.hear,
        quiet=True,
        verbosity=2,
    )
    run.status = finished.status
    return run
