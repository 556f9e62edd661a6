"""`provisioner up` with trivial programs in the place of the application's, for the tests to run, kill and stop."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from provisioner.config import settings
from provisioner.embedded.processes.service import Service
from provisioner.embedded.up import Stage, programs, run_up
from provisioner.errors import DomainError

# A worker with a child in its session, and one that left it: both have to go with it.
FAMILY = "sleep 1000 & setsid sleep 1000 & echo at work; wait"
STUBBORN = "trap '' TERM INT; while :; do sleep 0.1; done"


def trivial(stage: Stage) -> list[Service]:
    return [replace(service, command=_trivial(service), grace=1) for service in programs(stage)]


def _trivial(service: Service) -> Sequence[str]:
    scripts = {"prepare": os.environ.get("TRIVIAL_STEP", "echo prepared"), "worker": FAMILY, "dispatcher": STUBBORN}
    if service.once or service.name in scripts:
        return ["/bin/sh", "-c", scripts.get(service.name, "true")]
    return ["trivial_app:app" if word.startswith("provisioner.app:") else word for word in service.command]


if __name__ == "__main__":
    try:
        run_up(settings(), plan=trivial, after_ready=sys.argv[1:], durable=False)
    except DomainError as fault:
        sys.exit(f"Error: {fault}")
