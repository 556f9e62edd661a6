import http.client
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import Popen

import pytest

from provisioner.embedded.layout import Layout
from provisioner.embedded.servers import servers

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def _processes_of(state_dir: Path) -> dict[int, str]:
    """Every process that names the state folder in its command line, its environment or its working folder."""
    found = {}
    for process in Path("/proc").iterdir():
        with suppress(OSError):  # gone meanwhile, or somebody else's
            command, environment = ((process / name).read_text(errors="replace") for name in ("cmdline", "environ"))
            if str(state_dir) in command + environment + str((process / "cwd").readlink()):
                found[int(process.name)] = command.replace("\0", " ")
    return found


def _eventually(condition: Callable[[], object], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


@dataclass
class Up:
    """A running `provisioner up`."""

    process: Popen[bytes]
    layout: Layout
    output: Path

    @property
    def text(self) -> str:
        return self.output.read_text()

    @property
    def serving(self) -> bool:
        _eventually(lambda: "serving at" in self.text or self.process.poll() is not None)
        return self.process.poll() is None

    def pid_of(self, name: str) -> int:
        """The process that was started under this name: the leader of its session."""
        running = _processes_of(self.layout.state_dir)
        return next(pid for pid in running if self._mark(pid) == name and os.getsid(pid) == pid)

    def ask(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.layout.web_port() or 0, timeout=5)
        connection.request("GET", "/")
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def _mark(self, pid: int) -> str:
        with suppress(OSError):  # gone meanwhile
            for entry in Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0"):
                if entry.startswith("EMBEDDED_IN="):
                    return entry.split(":")[1]
        return ""


@pytest.fixture
def processes_of() -> Callable[[Path], dict[int, str]]:
    return _processes_of


@pytest.fixture
def eventually() -> Callable[..., bool]:
    return _eventually


@pytest.fixture(scope="session")
def made_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder whose clusters exist already: creating them is what takes long."""
    state_dir = tmp_path_factory.mktemp("made")
    with servers(state_dir, durable=False, tenants=True):
        pass
    return state_dir


@pytest.fixture
def copy_state(made_state: Path) -> Callable[[Path], Path]:
    return partial(shutil.copytree, made_state)


@pytest.fixture
def state_dir(copy_state: Callable[[Path], Path], tmp_path: Path) -> Path:
    return copy_state(tmp_path / "var")


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def launch_up(state_dir: Path, *after_ready: str, **environment: str) -> Up:
        output = tmp_path / f"output-{len(started)}"
        plain = {name: value for name, value in os.environ.items() if not name.startswith("PROVISIONER_")}
        paths = {"PROVISIONER_STATE_DIR": str(state_dir), "PYTHONPATH": f"{ROOT}:{HERE}"}
        with output.open("wb") as file:
            process = Popen(
                [sys.executable, str(HERE / "trivial_up.py"), *after_ready],
                env=plain | paths | environment,
                stdout=file,
                stderr=file,
            )
        started.append(Up(process, Layout(state_dir), output))
        return started[-1]

    yield launch_up
    for up in started:
        if up.process.poll() is None:
            up.stop()
