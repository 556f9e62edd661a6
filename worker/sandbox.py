"""Fencing in a run, so that killing one process kills everything that it started.

Ansible forks, daemonises and waits in places that no signal reaches; the one thing that ends them all is the end of
their PID namespace (docs/decisions/0003-a-run-lives-in-a-pid-namespace.md).
"""

import os
import subprocess
from functools import cache

NAMESPACES = ("--pid", "--fork", "--kill-child=KILL", "--mount-proc")
CANDIDATES: dict[str, list[str]] = {
    "bwrap": ["bwrap", "--die-with-parent", "--unshare-pid", "--dev-bind", "/", "/", "--proc", "/proc", "--"],
    "unshare": ["unshare", *NAMESPACES, "--"],
    "unshare as an ordinary user": ["unshare", "--user", "--map-current-user", *NAMESPACES, "--"],
}
# Exit codes of a run that ended itself:
GAVE_UP = 75  # nobody proved any more whose it was
OUT_OF_MEMORY = 76  # it took more than it may
NONE = "none"  # the supervisor then walks its descendants


def works(name: str) -> bool:
    """Whether this machine allows the fence of that name."""
    try:
        return subprocess.run([*CANDIDATES[name], "true"], capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def names() -> list[str]:
    """The fences that are worth a try for this user, the strongest first."""
    return [name for name in CANDIDATES if os.geteuid() == 0 or name != "unshare"]


@cache
def active() -> str:
    """The name of the strongest fence that this machine allows."""
    return next(filter(works, names()), NONE)


def wrapped(command: list[str]) -> list[str]:
    """The command inside the active fence."""
    return [*CANDIDATES.get(active(), []), *command]
