"""A run on a host itself, of one of the playbooks in `playbooks/hosts`: it looks at the host or makes it ready.

It is nobody's job: whoever asks waits for its end. What it needs is read from the host before it starts, so that no
transaction has to be open meanwhile.
"""

import os
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from provisioner.catalogue import folders
from provisioner.db import Json
from provisioner.hosts.models import Host
from provisioner.instances.variables import RunOrder, Variables, connection
from provisioner.jobs.events import printable
from provisioner.jobs.redaction import Redactor
from worker.run import CannotStart, Run, passwords

PATIENCE = 900.0  # seconds that it may take; then everything that it started dies
TICK = 0.5
COULD_NOT_START = "The run could not be started: %s"
TOO_LONG = "It took more than %d seconds and was stopped."
TOO_MUCH = "It took more memory than a run may have and was stopped."


@dataclass
class HostRun:
    """What came of it. `report`: the reports of all its modules in one; `said`: what it printed."""

    succeeded: bool = False
    report: Json = field(default_factory=dict)
    said: str = ""

    def hear(self, message: dict[str, Any]) -> None:
        if "end" in message:
            self.succeeded = message["end"] == "successful"
            self.say(message.get("reason") or "")
        elif "kind" in message:
            self.say(message["stdout"])
            report = message["result"].get("prov_report")
            self.report |= report if isinstance(report, dict) else {}

    def say(self, text: str) -> None:
        self.said += f"{text}\n" if text else ""


def carry_out(
    host: Host, playbook: str, variables: Variables, secrets: Collection[str] = (), patience: float = PATIENCE
) -> HostRun:
    """Run `playbooks/hosts/<playbook>.yml` with these variables, besides those by which the host is reached.

    `secrets`: values that must not be seen in what the run says.
    """
    outcome = HostRun()
    try:
        with Run(
            _order(host, playbook, variables, secrets), f"{playbook}-{host.name}", patience, time.monotonic()
        ) as run:
            redact = Redactor({*secrets, *passwords(os.environ)})
            for message in _messages(run):
                outcome.hear(printable(redact(message)))
            run.kill()
            outcome.say(_why_silent(run, patience))
    except CannotStart as error:
        outcome.say(COULD_NOT_START % error)
    return outcome


def _order(host: Host, playbook: str, variables: Variables, secrets: Collection[str]) -> RunOrder:
    return RunOrder(
        project=str(folders.project()),
        playbook=f"hosts/{playbook}.yml",
        servers={host.name: connection(host) | variables},
        instances={},
        secrets=tuple(secrets),
        changed=False,
        known_hosts=host.facts.get("ssh", {}).get("known_hosts", ""),
    )


def _messages(run: Run) -> Iterator[dict[str, Any]]:
    while (said := run.messages(TICK)) is not None:
        yield from said


def _why_silent(run: Run, patience: float) -> str:
    """Why it ended without a word of its own, if it did."""
    if run.gave_up:
        return TOO_LONG % patience
    return TOO_MUCH if run.out_of_memory else ""
