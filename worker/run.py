"""Starting the run of a job and listening to it, from the worker's side."""

import json
import os
import re
import secrets
import selectors
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

import structlog

from provisioner.config import settings
from provisioner.hosts.models import Connection
from provisioner.instances.variables import RunOrder, Variables
from worker import inventory, passing, processes, sandbox
from worker.processes import Stopped

FOLDER = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/tmp")  # noqa: S108 - folders inside are 0700 and ours
PREFIX = "provisioner-run-"
SUPERVISOR = "worker.supervisor"
ROOM = "." * 200  # in the command line, which the processes of a run overwrite with what they are at
WARM = "warm"  # worker.connection
# What a run may know of our environment: where programs, certificates and package indexes are; no address, no key.
ALLOWED = (
    "PATH",
    "TZ",
    "HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
ALLOWED_PREFIXES = ("PIP_", "REQUESTS_CA_")

log = structlog.get_logger()

PASSWORD = re.compile(r"://[^/@:\s]*:([^/@\s]+)@")


def scrubbed(environment: "os._Environ[str] | dict[str, str]") -> dict[str, str]:
    """What a run may see of our environment, with the programs of this installation first in its path."""
    kept = {name: value for name, value in environment.items() if name in ALLOWED or name.startswith(ALLOWED_PREFIXES)}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return kept | {"PATH": path, "LC_ALL": "C.UTF-8"}  # Ansible refuses locales that are not there, or not UTF-8


def passwords(environment: "os._Environ[str] | dict[str, str]") -> set[str]:
    """Those in the addresses of proxies and package indexes that a run may see: it must not tell them."""
    found = {word for address in scrubbed(environment).values() for word in PASSWORD.findall(address)}
    return found | set(map(unquote, found))


def sweep_folders() -> None:
    """Remove what runs of dead workers left behind; secrets among it."""
    for folder in FOLDER.glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).split("-")[0]
        with suppress(FileNotFoundError):  # somebody else may be sweeping
            if folder.stat().st_uid == os.geteuid() and not Path(f"/proc/{pid}").exists():
                shutil.rmtree(folder, ignore_errors=True)


class CannotStart(Exception):
    """The machine would not let the run begin; nothing of it ever was."""


class Sandbox:
    """A private folder, and in it a supervisor that has made ready what a run needs, and waits for the order of one.

    It knows nothing of any run before it gets its order, and dies with that run.
    """

    def __init__(self, project: str) -> None:
        self.project = project
        self.folder = FOLDER / f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
        self.folder.mkdir(mode=0o700)
        try:
            (self.folder / "tmp").mkdir(mode=0o700)
            self.process = self._supervisor()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _supervisor(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", SUPERVISOR, str(self.folder), self.project, ROOM]
        return subprocess.Popen(
            sandbox.wrapped(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=scrubbed(os.environ),
            start_new_session=True,
        )

    def send(self, **message: Any) -> None:
        with suppress(BrokenPipeError):  # it is gone; reading will say so
            self._input.write(json.dumps(message).encode() + b"\n")
            self._input.flush()

    @property
    def _input(self) -> Any:
        return self.process.stdin

    def kill(self) -> None:
        """End the whole tree: the supervisor dies with its input, and its namespace with it."""
        with suppress(BrokenPipeError):
            self._input.close()
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            processes.kill_below(self.process.pid)
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        self.kill()
        if self.process.stdout:
            self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Ready:
    """The sandbox that waits for the next run of this process, if there is one."""

    def __init__(self) -> None:
        self._sandbox: Sandbox | None = None

    def prepare(self, project: str) -> None:
        try:
            self._sandbox = self._sandbox or Sandbox(project)
        except OSError as error:  # no room, no more processes; the next run will say so if that lasts
            log.warning("no sandbox stands ready", error=error.strerror)

    def take(self, project: str) -> Sandbox:
        """It, or a new one where there is none, it has died, or its playbooks lie elsewhere."""
        waiting = self._sandbox
        if waiting and waiting.project == project and waiting.process.poll() is None:
            self._sandbox = None
            return waiting
        self.discard()
        return Sandbox(project)

    def discard(self) -> None:
        if self._sandbox:
            self._sandbox.close()
        self._sandbox = None


ready = Ready()


class Run:
    """One ansible-playbook in its sandbox, as a context: leaving it kills what is left, and removes the files."""

    def __init__(self, order: RunOrder, name: str, patience: float, proven: float) -> None:
        self._name = name
        self._order = order
        self._patience = patience
        self._proven = proven
        self._rest = b""

    def __enter__(self) -> Self:
        try:
            self._sandbox = ready.take(self._order.project)
            try:
                self._start()
            except BaseException:
                self._sandbox.close()
                raise
        except OSError as error:  # no room, no more processes
            raise CannotStart(error.strerror) from error
        return self

    def _start(self) -> None:
        arrivals = {f"{name}{passing.ARRIVING}": given for name, given in self._order.arrivals.items()}
        hosts = map(self._here, (self._order.servers, self._order.instances, arrivals))
        inventory.write(self._folder / "inventory.yml", *hosts)
        self._write("known_hosts", self._order.known_hosts)
        self._sandbox.send(
            order={
                "name": self._name,
                "project": self._order.project,
                "playbook": self._order.playbook,
                "patience": self._patience,
                "proven": self._proven,
                "memory": settings().run_memory,
                "instances": list(self._order.instances),
                "forks": self._order.forks,
            }
        )
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)

    def _here(self, hosts: dict[str, Variables]) -> dict[str, Variables]:
        """With what leads tasks through the gate, and on this machine to a Python that runs; what Ansible keeps for
        them here, secrets too, goes at the end.
        """
        return {name: given | self._way(passing.instance_of(name), given) for name, given in hosts.items()}

    def _way(self, name: str, given: Variables) -> Variables:
        if given["ansible_connection"] == Connection.LOCAL:
            return {"ansible_connection": WARM, "ansible_remote_tmp": str(self._folder / "tmp")}
        program = f"ssh to {name}"
        words = shlex.join([sys.executable, "-I", "-S", passing.__file__, str(self._folder / passing.SOCKET), name])
        self._write(program, f'#!/bin/sh\nexec {words} "$@"\n', mode=0o700)
        return {"ansible_ssh_executable": str(self._folder / program)}

    def _write(self, name: str, text: str, mode: int = 0o600) -> None:
        file = self._folder / name
        file.touch(mode=mode)
        file.write_text(text)

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        self._sandbox.close()

    @property
    def _folder(self) -> Path:
        return self._sandbox.folder

    @property
    def _process(self) -> "subprocess.Popen[bytes]":
        return self._sandbox.process

    @property
    def _output(self) -> Any:
        return self._process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    def prove(self, asked: float) -> None:
        """Tell the supervisor that the database has confirmed our lease, for which we asked then."""
        self._sandbox.send(proven=asked)

    def admit(self, names: list[str]) -> None:
        """The turn of these instances has come."""
        self._sandbox.send(admit=names)

    def refuse(self, names: list[str]) -> None:
        """The turn of these instances will not come."""
        self._sandbox.send(refuse=names)

    def stop_some(self, names: list[str]) -> None:
        """Stop what is done on these instances and go on with the others; what was stopped is told later."""
        self._sandbox.send(stop=names)

    def messages(self, timeout: float) -> Iterator[dict[str, Any]] | None:
        """What the supervisor said within `timeout` seconds; None once it has closed its mouth for good."""
        if not self._selector.select(timeout):
            return iter(())
        chunk = os.read(self._output.fileno(), 1 << 20)
        if not chunk:
            return None
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return (json.loads(line) for line in lines)

    @property
    def gave_up(self) -> bool:
        """Whether it ended itself for want of proof. To be asked once it has ended."""
        return self._process.returncode == sandbox.GAVE_UP

    @property
    def out_of_memory(self) -> bool:
        """Whether it ended itself because it took too much. To be asked once it has ended."""
        return self._process.returncode == sandbox.OUT_OF_MEMORY

    def stop(self) -> Stopped:
        """End the whole tree, and look whether it is really gone."""
        began = time.monotonic()
        tree = processes.below(self.pid)
        commands = [(each.name, processes.command(each)) for each in tree]
        self.kill()
        left = processes.survivors(tree, began + processes.LONGEST_DEATH)
        acting = [each for each in commands if SUPERVISOR not in each[1]]
        return Stopped(acting, len(left), time.monotonic() - began)

    def kill(self) -> None:
        """End the whole tree."""
        self._sandbox.kill()
