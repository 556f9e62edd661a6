"""One run of ansible-playbook and the end of it: `python -m worker.supervisor <private folder>`, started by worker.run.

It lives in a sandbox of its own and trusts nobody to stop it in time: the worker sends a line for every heartbeat that
the database answered; when the lines stop or their pipe closes, everything started here dies. It knows no database.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

import ansible_runner

from worker.sandbox import GAVE_UP

KEPT_RESULT = ("msg", "rc", "stderr", "stdout", "diff", "cmd", "prov_report")
LONGEST = 64 * 1024  # characters of one text that leave the sandbox


def _descendants(pid: int) -> list[int]:
    """All that came of this process, by the kernel's own lists of children."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        found += children + [each for child in children for each in _descendants(child)]
    return found


def die(code: int = 137) -> None:
    """End this process and everything that it started. In a PID namespace the kernel does it; elsewhere we walk."""
    if os.getpid() != 1:
        for _ in range(3):  # what is forked during one walk is found by the next
            for pid in _descendants(os.getpid()):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
    os._exit(code)


class Watchdog:
    """Dies when the worker has not proven for `patience` seconds that the run is still its own.

    A proof counts from when the worker asked for it, on the clock that all processes of the machine share: however long
    the answer took to come here, the lease that it stands for is that old.
    """

    def __init__(self, lines: IO[str], patience: float, proven: float) -> None:
        self._lines = lines
        self._patience = patience
        self._proven = proven

    def start(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()

    def _listen(self) -> None:
        for line in self._lines:
            self._proven = float(line)
        die()

    def _watch(self) -> None:
        while time.monotonic() - self._proven < self._patience:
            time.sleep(0.5)
        die(GAVE_UP)


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value[:LONGEST]
    if isinstance(value, dict):
        return {str(key): _short(each) for key, each in value.items()}
    return [_short(each) for each in value] if isinstance(value, list) else value


def told(event: dict[str, Any], counter: int) -> dict[str, Any]:
    """What the worker learns of one event of ansible-runner's."""
    data = event.get("event_data", {})
    result = data.get("res") or {}
    return {
        "counter": counter,
        "kind": "runner_on_ignored" if data.get("ignore_errors") else event["event"],
        "stdout": _short(event.get("stdout", "")),
        "play": str(data.get("play", "")),
        "role": str(data.get("role", "")),
        "task": str(data.get("task", "")),
        "module": str(data.get("task_action", "")),
        "host": str(data.get("host", "")),
        "changed": bool(result.get("changed", False)),
        "result": {key: _short(result[key]) for key in KEPT_RESULT if result.get(key)},
    }


class Story:
    """Sends every event up the channel, numbered without gaps."""

    def __init__(self, channel: IO[str]) -> None:
        self._channel = channel
        self._length = 0
        self._unreachable = False

    def tell(self, event: dict[str, Any]) -> bool:
        self._length += 1
        self._unreachable |= bool(event.get("event_data", {}).get("dark"))  # of the statistics, which come last
        self._send(told(event, self._length))
        return False  # so that ansible-runner keeps no file of its own for each event

    def close(self, status: str) -> None:
        self._send({"end": status, "unreachable": self._unreachable})

    def _send(self, message: dict[str, Any]) -> None:
        self._channel.write(json.dumps(message, default=str) + "\n")
        self._channel.flush()


def main(folder: str) -> None:
    os.umask(0o077)
    order = json.loads((Path(folder) / "order.json").read_text())
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a stray print must not garble the channel
    Watchdog(sys.stdin, order["patience"], order["proven"]).start()
    story = Story(channel)
    run = ansible_runner.run(
        private_data_dir=folder,
        project_dir=order["project"],
        playbook=order["playbook"],
        inventory=str(Path(folder) / "inventory.yml"),
        envvars={
            "ANSIBLE_CONFIG": str(Path(order["project"]) / "ansible.cfg"),
            "ANSIBLE_LOCAL_TEMP": str(Path(folder) / "tmp"),
        },
        event_handler=story.tell,
        quiet=True,
        suppress_env_files=True,
        suppress_output_file=True,
    )
    story.close(run.status)


if __name__ == "__main__":
    main(sys.argv[1])
