"""One run of ansible-playbook and the end of it: `python -m worker.supervisor <private folder>`, started by worker.run.

It lives in a sandbox of its own and trusts nobody to stop it in time: the worker sends a line for every heartbeat that
the database answered; when the lines stop or their pipe closes, everything started here dies. It knows no database.
"""

import json
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

import ansible_runner

from worker import processes
from worker.sandbox import GAVE_UP, OUT_OF_MEMORY

KEPT_RESULT = ("msg", "rc", "stderr", "stdout", "diff", "cmd", "prov_report")
LONGEST = 64 * 1024  # characters of one text that leave the sandbox
LONGEST_LINE = 4 * 1024 * 1024  # characters of all that is told of one event


dying = threading.Event()


def die(code: int = 137) -> None:
    """End this process and everything that it started. Where it is the first of a PID namespace the kernel does it."""
    dying.set()
    if os.getpid() != 1:
        processes.kill_below(os.getpid())
    os._exit(code)


class Memory:
    """Ends the run that takes more memory than it may."""

    def __init__(self, megabytes: int) -> None:
        self._limit = megabytes * 1024 * 1024

    def start(self) -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (self._limit, self._limit))  # no process jumps over it between looks
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while processes.memory(processes.below(os.getpid()), self._limit) <= self._limit:
            time.sleep(0.2)
        die(OUT_OF_MEMORY)


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

    def close(self, status: str, reason: str = "") -> None:
        self._send({"end": status, "unreachable": self._unreachable, "reason": reason})

    def _send(self, message: dict[str, Any]) -> None:
        if dying.is_set():
            threading.Event().wait()  # for ever: what has just been killed must not be told as something that failed
        line = json.dumps(message, default=str)
        if len(line) > LONGEST_LINE:
            line = json.dumps(message | {"stdout": "", "result": {"msg": "[too much to be kept]"}})
        self._channel.write(line + "\n")
        self._channel.flush()


def _environment(folder: Path, project: str) -> dict[str, str]:
    """What Ansible is told by its environment: where its files are, and to believe only the host keys that we know."""
    options = {
        "BatchMode": "yes",  # it asks nobody
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": folder / "known_hosts",
        "GlobalKnownHostsFile": "/dev/null",
        "UpdateHostKeys": "no",
    }
    return {
        "ANSIBLE_CONFIG": str(Path(project) / "ansible.cfg"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_HOST_KEY_CHECKING": "True",  # ansible-runner would switch it off
        "ANSIBLE_SSH_COMMON_ARGS": " ".join(f"-o {name}={value}" for name, value in options.items()),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "ssh"),
    }


def _play(folder: Path, order: dict[str, Any], story: Story) -> None:
    try:
        run = ansible_runner.run(
            private_data_dir=str(folder),
            project_dir=order["project"],
            playbook=order["playbook"],
            inventory=str(folder / "inventory.yml"),
            envvars=_environment(folder, order["project"]),
            event_handler=story.tell,
            quiet=True,
            suppress_env_files=True,
            suppress_output_file=True,
        )
    except OSError as error:  # no room, no more processes
        story.close("error", error.strerror or "")
    else:
        story.close(run.status)


def main(folder: Path) -> None:
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold secrets
    processes.adopt_orphans()
    order = json.loads((folder / "order.json").read_text())
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a stray print must not garble the channel
    Watchdog(sys.stdin, order["patience"], order["proven"]).start()
    Memory(order["memory"]).start()
    _play(folder, order, Story(channel))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
