"""`provisioner up` with trivial programs in the place of the application's, for the tests to run, kill and stop."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from provisioner.config import settings
from provisioner.embedded.processes.service import Service
from provisioner.embedded.up import Stage, programs, run_up
from provisioner.errors import DomainError

# A worker with a child in its session, and one that left it: both have to go with it.
FAMILY = "sleep 1000 & setsid sleep 1000 & echo at work; wait"
STUBBORN = "trap '' TERM INT; while :; do sleep 0.1; done"


def app(environ: dict[str, str], start_response: Callable[..., None]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


def trivial(stage: Stage) -> list[Service]:
    commands = {
        "migrations": ["/bin/sh", "-c", os.environ.get("TRIVIAL_STEP", "echo migrated")],
        "worker": ["/bin/sh", "-c", FAMILY],
        "dispatcher": ["/bin/sh", "-c", STUBBORN],
    }
    return [
        replace(service, command=commands.get(service.name) or _with_trivial_app(service.command), grace=1)
        for service in programs(stage)
    ]


def _with_trivial_app(command: Sequence[str]) -> list[str]:
    return ["trivial_up:app" if word.startswith("provisioner.app:") else word for word in command]


if __name__ == "__main__":
    try:
        run_up(settings(), plan=trivial, after_ready=sys.argv[1:])
    except DomainError as fault:
        sys.exit(f"Error: {fault}")
