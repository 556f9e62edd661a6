"""Runs a playbook as the engine does, through ansible-runner, and keeps what it reported."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


@dataclass
class Run:
    """What one run said, per inventory host."""

    status: str = ""
    changed: dict[str, int] = field(default_factory=dict)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, list[str]] = field(default_factory=dict)
    said: str = ""
    everything: str = ""

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
        return False


def play(folder: Path, inventory: Path, app: str, action: str) -> Run:
    run = Run()
    finished = ansible_runner.run(
        private_data_dir=str(folder),
        project_dir=str(PLAYBOOKS),
        playbook=f"apps/{app}/{action}.yml",
        inventory=str(inventory),
        envvars={
            "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        event_handler=run.hear,
        quiet=True,
        verbosity=2,
    )
    run.status = finished.status
    return run
