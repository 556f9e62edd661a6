"""A whole service in processes of its own, and a client of its API: what journeys are made with."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from provisioner.embedded.layout import Layout
from provisioner.embedded.up import CELERY

RIGHTS = [word for right in ("view", "operate", "hand_over", "administer", "audit") for word in ("--right", right)]
ENDED = {"succeeded", "failed", "cancelled", "timed_out", "needs_attention"}


def wait_for(what: str, question: Callable[[], Any], seconds: float = 60) -> Any:
    """The first true answer to the question."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if answer := question():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s for {what}")


FORGETFUL = (
    "import provisioner.config, provisioner.embedded.up as u; u.run_up(provisioner.config.settings(), durable=False)"
)


def worker_command(name: str) -> list[str]:
    """What runs a worker beside that of a service."""
    options = "worker --loglevel=WARNING --concurrency=2 --without-gossip --without-mingle"
    return [*CELERY, "--quiet", "--app=worker.main", *options.split(), f"--hostname={name}@test"]


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str]


@dataclass
class Service:
    """`provisioner up` on a state folder; `python` is the interpreter that has it installed."""

    state_dir: Path
    python: str = sys.executable
    settings: dict[str, str] = field(default_factory=dict)
    token: str = ""
    forgetful: bool = False  # servers that do not wait for the disk

    @property
    def environment(self) -> dict[str, str]:
        ours = {f"PROVISIONER_{name.upper()}": value for name, value in self.settings.items()}
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("PROVISIONER_", "PYTEST_"))}
        return {**plain, **ours, "PROVISIONER_STATE_DIR": str(self.state_dir)}

    @property
    def layout(self) -> Layout:
        return Layout(self.state_dir)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.layout.web_port()}"

    def start(self) -> None:
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self._log = (self.state_dir / "up.log").open("ab")
        command = [self.python, "-c", FORGETFUL] if self.forgetful else [self.python, "-m", "provisioner", "up"]
        self.process = subprocess.Popen(
            command, env=self.environment, cwd=self.state_dir, stdout=self._log, stderr=self._log
        )
        wait_for("the service to answer", self._answers, 240)

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.state_dir / "up.log").read_text()
        if self.layout.web_port() is None:
            return False
        try:
            with urllib.request.urlopen(f"{self.url}/login", timeout=2) as page:
                return page.status == 200
        except OSError:
            return False

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        self._log.close()

    def run(self, *arguments: str) -> Any:
        """A command of `provisioner`, and its JSON."""
        done = subprocess.run(
            [self.python, "-m", "provisioner", *arguments, "--output", "json"],
            env=self.environment, cwd=self.state_dir, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def forget_schedules(self) -> None:
        """A test has only the jobs that it asks for, at whatever time of the night it runs."""
        for schedule in self.run("calendar", "schedules"):
            self.run("calendar", "remove", schedule["id"], "--reason", "a test")

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """The API; a POST gets an Idempotency-Key of its own unless it brings one."""
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if method == "POST":
            sent["Idempotency-Key"] = str(uuid4())
        data = json.dumps(body).encode() if body is not None else None
        wanted = urllib.request.Request(f"{self.url}/api/v1{path}", data, sent | headers, method=method)
        try:
            with urllib.request.urlopen(wanted, timeout=30) as answer:
                return Answer(answer.status, json.load(answer), dict(answer.headers))
        except urllib.error.HTTPError as refused:
            return Answer(refused.code, json.load(refused), dict(refused.headers))

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status == 200, answer
        return answer.body

    def post(self, path: str, body: Any) -> Any:
        answer = self.call("POST", path, body)
        assert answer.status in {200, 201, 202}, answer
        return answer.body

    def ended(self, job_id: str, seconds: float = 120) -> Any:
        """The job, once it has come to its end."""

        def question() -> Any:
            job = self.get(f"/jobs/{job_id}")
            return job if job["state"] in ENDED else None

        return wait_for(f"job {job_id}", question, seconds)


def processes(*words: str) -> list[int]:
    """Those whose command line has all these words; the dead ones that nobody has buried do not count."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if line and all(word in line for word in words):
            found.append(int(folder.name))
    return found


def open_files(pid: int) -> set[str]:
    """What a process holds open, as the kernel names it, without what it lets go of just then."""
    held = set()
    with suppress(OSError):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                held.add(str(file.readlink()))
    return held


Kind = TypeVar("Kind", bound=Service)


def running(service: Kind) -> Iterator[Kind]:
    """Start it, make an administrator with a token, and stop it in the end."""
    service.start()
    try:
        service.run("users", "add", "root", "--name", "Root", "--role", "administrator", "--role", "auditor")
        service.token = service.run("tokens", "create", "root", "--name", "journey", *RIGHTS)["token"]
        service.forget_schedules()
        yield service
    finally:
        service.stop()
