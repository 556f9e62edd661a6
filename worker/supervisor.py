"""One run of ansible-playbook and the end of it, started by worker.run before there is a run:
`python -m worker.supervisor <private folder> <folder of the playbooks>`.

It lives in a sandbox of its own, makes ready what every run needs, and waits for its order. It trusts nobody to stop
it in time: the worker sends a line for every heartbeat that the database answered; when the lines stop or their pipe
closes, everything started here dies. It knows no database.

Each line is an object of one key: first `order`, then `proven`, or what the gate does: `admit`, `refuse`, `stop`.
"""

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ansible_runner.interface import init_runner
from ansible_runner.runner import Runner

from worker import callback, connection, passing, processes, telling, warm
from worker.gate import Gate
from worker.sandbox import GAVE_UP, OUT_OF_MEMORY

STORY = "story"  # the callback of a run, and the pipe in its private folder that it tells into

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
        """Also for itself each process gets no more, so that none jumps over the limit between two looks."""
        for pid in (os.getpid(), *(each.pid for each in processes.below(os.getpid()))):
            resource.prlimit(pid, resource.RLIMIT_DATA, (self._limit, self._limit))
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while processes.memory(processes.below(os.getpid()), self._limit) <= self._limit:
            time.sleep(0.2)
        die(OUT_OF_MEMORY)


class Watchdog:
    """Dies when the worker has not proven for `patience` seconds that the run is still its own.

    A proof counts from when the worker asked for it, on the clock that all processes of the machine share: however long
    the answer took to come here, the lease that it stands for is that old. What else the worker says is for the gate.
    """

    def __init__(self, lines: IO[str], gate: Gate, patience: float, proven: float) -> None:
        self._lines = lines
        self._words: dict[str, Any] = {
            "proven": self._prove,
            "admit": gate.admit,
            "refuse": gate.refuse,
            "stop": gate.stop,
        }
        self._patience = patience
        self._proven = proven

    def start(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()

    def _listen(self) -> None:
        for line in self._lines:
            for word, given in json.loads(line).items():
                self._words[word](given)
        die()

    def _prove(self, asked: float) -> None:
        self._proven = asked

    def _watch(self) -> None:
        while time.monotonic() - self._proven < self._patience:
            time.sleep(0.5)
        die(GAVE_UP)


class Story:
    """Sends up the channel what happens, a line each, from whichever thread."""

    def __init__(self, channel: IO[str]) -> None:
        self._channel = channel
        self._one_at_a_time = threading.Lock()
        self._looked: dict[str, Any] = {}

    @contextmanager
    def hearing(self, pipe: Path) -> Iterator[None]:
        """Passes on what the callback of the run tells into this pipe, to the last word."""
        os.mkfifo(pipe)
        descriptor = os.open(pipe, os.O_RDWR)  # also for writing, so that it does not end before we say so
        listener = threading.Thread(target=self._listen, args=[descriptor], daemon=True)
        listener.start()
        try:
            yield
        finally:
            os.write(descriptor, b"\n\n")  # behind all that was told, be it half a line
            listener.join()

    def _listen(self, descriptor: int) -> None:
        with open(descriptor, encoding="utf-8", closefd=False) as lines:
            for line in lines:
                if line == "\n":
                    return
                self._pass_on(line)

    def _pass_on(self, line: str) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            return  # ansible-playbook was killed in the middle of it
        if "looked" in message:
            self._looked = message
        else:
            self._send(line)

    def tell(self, event: dict[str, Any]) -> bool:
        """What ansible-playbook prints where its callback does not see it."""
        if text := event.get("stdout"):
            self.say(telling.event("verbose", text))
        return False  # so that ansible-runner keeps no file of its own for each event

    def close(self, status: str, reason: str = "") -> None:
        self.say({"end": status, "reason": reason, **self._looked})

    def say(self, message: dict[str, Any]) -> None:
        self._send(telling.line(message))

    def _send(self, line: str) -> None:
        if dying.is_set():
            threading.Event().wait()  # for ever: what has just been killed must not be told as something that failed
        with self._one_at_a_time:
            self._channel.write(line)
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
        "ANSIBLE_CONNECTION_PLUGINS": str(Path(connection.__file__).parent),
        "ANSIBLE_WARM_SOCKET": str(folder / warm.TARGET),
        "PROVISIONER_STORY": str(folder / STORY),
        passing.VARIABLE: str(folder / passing.SOCKET),
    }


def _runner(folder: Path, project: str, playbook: str, **given: Any) -> Runner:
    runner: Runner = init_runner(
        private_data_dir=str(folder),
        ident="run",
        project_dir=project,
        playbook=playbook,
        envvars=_environment(folder, project),
        quiet=True,
        suppress_env_files=True,
        suppress_output_file=True,
        **given,
    )
    # In the place of ansible-runner's own, which leaves a file for each event.
    runner.config.env |= {
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(callback.__file__).parent),
        "ANSIBLE_STDOUT_CALLBACK": STORY,
    }
    return runner


def _ready(folder: Path, project: str) -> warm.Controller | None:
    """The interpreters that wait for the run. Without them it starts cold ones."""
    try:
        warm.start_target(folder)
        return warm.Controller(folder, _runner(folder, project, "any.yml", inventory=[]).config.env)
    except OSError as error:  # no room, no more processes, or a kernel that cannot
        sys.stderr.write(f"No interpreters stand ready: {error}\n")
        return None


def _play(folder: Path, order: dict[str, Any], controller: warm.Controller | None, story: Story) -> None:
    try:
        run = _runner(
            folder,
            order["project"],
            order["playbook"],
            inventory=str(folder / "inventory.yml"),
            forks=order["forks"],
            event_handler=story.tell,
        )
        if controller:
            run.config.command = controller.instead_of(run.config.command, run.config.env)
        with story.hearing(folder / STORY):
            run.run()
    except OSError as error:  # no room, no more processes
        story.close("error", error.strerror or "")
    else:
        story.close(run.status)


def main(folder: Path, project: str) -> None:
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold secrets
    processes.adopt_orphans()
    processes.call_itself(f"worker.supervisor {folder} ready")
    controller = _ready(folder, project)
    line = sys.stdin.readline()
    if not line:
        die()
    order = json.loads(line)["order"]
    processes.call_itself(f"worker.supervisor {folder} run {order['name']}")
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a stray print must not garble the channel
    story = Story(channel)
    gate = Gate(story.say, order["instances"])
    gate.open(folder)
    Watchdog(sys.stdin, gate, order["patience"], order["proven"]).start()
    Memory(order["memory"]).start()
    _play(folder, order, controller, story)
    die(0)  # with all that stood ready


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
