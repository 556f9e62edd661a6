"""A host of instances for the benchmark of the fleet, light enough for thousands of them.

Each instance runs a process that does nothing, under a real supervisord, and one web server here answers for all of
them with what stands in their files.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml
from meter import metered

from provisioner.embedded import host
from provisioner.embedded.layout import Layout
from provisioner.embedded.processes.keeper import Keeper
from tests.playbooks.inventory import Variables, instance
from worker import processes
from worker.inventory import write
from worker.run import WARM, scrubbed

HERE = Path(__file__).parent
PLAYBOOKS = HERE.parent / "playbooks"
APP = "open-data"
VERSION = "0.65.5"
WARMED = (sys.executable, "-c", "import warmed; warmed.main()")
CONCURRENCY = 16  # runs of the service shall not wait for each other
LIGHT = {
    "service_command": ["sleep", "infinity"],
    "service_environment": {},
    "health_page": "/{{ instance.short_id }}/",
    "health_version_page": "/{{ instance.short_id }}/-/versions.json",
}


class Portal(BaseHTTPRequestHandler):
    """Answers for every instance as its portal would: with the names that stand in its files, and the release."""

    instances: Path

    def do_GET(self) -> None:
        short_id, _, page = self.path[1:].partition("/")
        told = json.dumps({"datasette": {"version": VERSION}}) if page else self.names(short_id)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(told.encode())

    def names(self, short_id: str) -> str:
        metadata = json.loads((self.instances / short_id / "portal/metadata.json").read_text())
        return "".join(f"<h1>{escape(name)}</h1>" for name in metadata["administration"].values())

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def portals(instances: Path) -> Iterator[int]:
    """The port on which all instances answer."""
    answering = type("HerePortal", (Portal,), {"instances": instances})
    with ThreadingHTTPServer(("127.0.0.1", 0), answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def project(folder: Path, port: int) -> Path:
    """The playbooks with the light service in the app, answered for on this port, and the playbooks that are compared
    beside its own. What the roles are measured with is what the service does as well.
    """
    shutil.copytree(PLAYBOOKS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    app = folder / "apps" / APP
    for other in (folder / "apps").iterdir():
        if other != app:
            shutil.rmtree(other)
    shutil.copytree(HERE / "fleet_playbooks", app, dirs_exist_ok=True)
    shutil.copy(app / "coarse.yml", app / "reconfigure.yml")
    shutil.copy(HERE / "fleet_playbooks/plain.cfg", folder)
    _rewrite(app / "group_vars/instances.yml", LIGHT)
    for name in ("reconfigure", "check"):
        _ask_there(app / f"{name}.yml", f"http://127.0.0.1:{port}")
    _rewrite(app / "app.yml", {"concurrency": CONCURRENCY})
    return folder


def _ask_there(playbook: Path, address: str) -> None:
    """For the service gives each instance a port of its own, on which nobody is here."""
    plays = yaml.safe_load(playbook.read_text())
    *roles, health = plays[-1]["roles"]
    told = health if isinstance(health, dict) else {"role": health}
    told["vars"] = {**told.get("vars", {}), "health_address": address}
    plays[-1]["roles"] = [*roles, told]
    playbook.write_text(yaml.safe_dump(plays, sort_keys=False, allow_unicode=True))


def _rewrite(file: Path, changes: Variables) -> None:
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changes, allow_unicode=True))


@dataclass(frozen=True)
class Cost:
    """Of one or more runs, started one after the other."""

    instances: int
    cpu: float  # seconds of all processes of the runs
    wall: float
    peak: int  # bytes, at the fullest moment
    served: float  # seconds of supervisord meanwhile

    @property
    def each(self) -> float:
        return self.cpu / self.instances

    @property
    def a_minute(self) -> float:
        return 60 * self.instances / self.wall


def cpu_of(pid: int) -> float:
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def watch(run: subprocess.Popen[str]) -> int:
    """Wait for its end; the most memory that was seen, in bytes, what processes share counted once."""
    most = 0
    while True:
        try:
            run.wait(0.5)
        except subprocess.TimeoutExpired:
            most = max(most, processes.memory([*filter(None, [processes.look(run.pid)]), *processes.below(run.pid)], 0))
        else:
            return most


def surroundings(configuration: Path) -> dict[str, str]:
    """The environment of a run by hand."""
    paths = os.pathsep.join([str(HERE), str(HERE.parent)])
    return scrubbed(os.environ) | {"ANSIBLE_CONFIG": str(configuration), "PYTHONPATH": paths}


def warm_way(folder: Path) -> Variables:
    """How instances are reached in a run with interpreters that stand ready, which has this folder."""
    return {"ansible_connection": WARM, "ansible_remote_tmp": str(folder / "tmp")}


class Estate:
    """A host of instances and the ways to converge them."""

    def __init__(self, folder: Path, port: int, batch: int) -> None:
        self.layout = Layout(folder)
        self.project = project(folder / "project", port)
        self.batch = batch
        self._inventory = folder / "inventory.yml"
        self._port = port
        (self.layout.host_root / f"runtimes/{APP}-{VERSION}").mkdir(parents=True)

    def home(self, short_id: str) -> Path:
        return self.layout.host_root / "instances" / short_id

    def _instance(self, short_id: str, turn: int) -> Variables:
        """Of every round the names and the settings differ, and those of `p...7` are those of `c...7`."""
        number = int(short_id[1:])
        names = {"name_fr": f"Commune {number}, texte {turn}", "name_ar": f"جماعة {number}، نص {turn}"}
        return instance(
            self.layout,
            APP,
            short_id,
            self._port,
            VERSION,
            administration={"id": "x", "slug": "x", "name_en": f"Commune {number}", **names},
            parameters={
                "contact_email": f"contact@commune-{number}.example",
                "licence": "cc-by-4.0",
                "page_size": 10 + turn,
                "whole_tables": True,
                "accent": "blue",
            },
            job={"id": f"job-{turn}", "action": "reconfigure", "fence": turn + 1},
        )

    def run(self, playbook: str, configuration: str, ids: list[str], turn: int, *options: str) -> Cost:
        """One ansible-playbook over these instances."""
        write(self._inventory, {}, {short_id: self._instance(short_id, turn) for short_id in ids})
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        return self._run([program, *self._arguments(playbook), *options], configuration, ids)

    def run_warm(self, playbook: str, ids: list[str], turn: int) -> Cost:
        """The same with the interpreters that stand ready for a job; making them counts."""
        way = {"ansible_connection": WARM, "ansible_remote_tmp": "/dev/shm/fleet"}
        write(self._inventory, {}, {short_id: self._instance(short_id, turn) | way for short_id in ids})
        with tempfile.TemporaryDirectory(prefix="warm-") as folder:
            program = [sys.executable, "-c", "import warmed; warmed.main()", folder, str(self.project)]
            return self._run([*program, *self._arguments(playbook)], "ansible.cfg", ids)

    def _arguments(self, playbook: str) -> list[str]:
        return ["-i", str(self._inventory), f"apps/{APP}/{playbook}"]

    def _run(self, command: list[str], configuration: str, ids: list[str]) -> Cost:
        environment = surroundings(self.project / configuration)
        supervisord = int((self.layout.run_dir / "supervisord.pid").read_text())
        began, served = time.monotonic(), cpu_of(supervisord)
        log = self.layout.logs / "last-run.log"
        with (
            log.open("w") as output,
            metered("run") as meter,
            subprocess.Popen(
                command,
                cwd=self.project,
                env=environment,
                stdout=output,
                stderr=output,
                text=True,
                preexec_fn=meter.enter,  # noqa: PLW1509 - it takes no lock
            ) as run,
        ):
            peak = watch(run)
            cpu = meter.seconds
        if run.returncode:
            raise SystemExit(log.read_text()[-4000:])
        wall = time.monotonic() - began
        return Cost(len(ids), cpu, wall, peak, cpu_of(supervisord) - served)

    def tree(self, short_id: str) -> dict[str, tuple[int, str]]:
        """Modes and contents of what an instance has, but for the logs and our own record of the last digest."""
        home = self.home(short_id)
        found = (path for path in home.rglob("*") if path.name not in (".digest", "service.log"))
        return {
            str(path.relative_to(home)): (path.stat().st_mode, path.read_text() if path.is_file() else "")
            for path in found
        }


def named(letter: str, number: int) -> list[str]:
    return [f"{letter}{index:09}" for index in range(1, number + 1)]


@contextmanager
def estate(batch: int) -> Iterator[Estate]:
    with tempfile.TemporaryDirectory(prefix="fleet-") as name:
        layout = Layout(Path(name))
        with (
            portals(layout.host_root / "instances") as port,
            Keeper(layout, lambda *_: None, lambda *_: None) as keeper,
        ):
            keeper.start(host.supervisor(layout))
            yield Estate(layout.state_dir, port, batch)
