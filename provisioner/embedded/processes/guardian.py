"""Lets no process outlive the `provisioner up` that started it, whatever kills that.

Every process started carries a mark in its environment, which its descendants inherit. A guardian waits until the pipe
from its parent closes and then kills whatever still carries that run's mark; the next start does the same for a whole
state folder, should the guardian have been killed as well. It runs as a plain script: standard library only.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

MARK = "EMBEDDED_IN"
PATIENCE = 10.0  # seconds to wait for killed processes to go


def mark(state_dir: str, run: str, name: str) -> str:
    return f"{run}:{name}:{state_dir}"


def belonging(state_dir: str, run: str | None = None, name: str | None = None) -> set[int]:
    """The processes started for this state folder, or only those of one run, or one name in it."""
    found = set()
    for pid in processes():
        its_run, _, rest = _mark_of(pid).partition(":")
        its_name, _, its_state_dir = rest.partition(":")
        if its_state_dir == state_dir and run in {None, its_run} and name in {None, its_name}:
            found.add(pid)
    return found


def processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def end(remaining: Callable[[], set[int]]) -> None:
    """Kill what `remaining` finds until it finds nothing."""
    deadline = time.monotonic() + PATIENCE
    while (pids := remaining()) and time.monotonic() < deadline:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def start(state_dir: str, run: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-I", __file__, state_dir, run],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={MARK: mark(state_dir, run, "guardian")},
    )


def _mark_of(pid: int) -> str:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # gone, or somebody else's
        return ""
    for entry in environment.split(b"\0"):
        if entry.startswith(MARK.encode() + b"="):
            return os.fsdecode(entry).partition("=")[2]
    return ""


def _main(state_dir: str, run: str) -> None:
    sys.stdin.read()
    end(lambda: belonging(state_dir, run) - {os.getpid()})


if __name__ == "__main__":
    _main(*sys.argv[1:])
