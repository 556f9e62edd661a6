"""What one backup costs, alone and in a run for many, beside `pg_dump` and `tar` by themselves.

The backup is that of the service: dump and archive, read back, encrypted, put into the store and read back from there.
What PostgreSQL computes for the dump is the same on all sides and counts on none.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[1] / "playbooks/module_utils"))

from estate import PLAYBOOKS, WARMED, named, surroundings, warm_way
from machine import load
from meter import metered
from tenant_postgres import Database

from provisioner.embedded import postgres
from provisioner.embedded.layout import Layout
from provisioner.embedded.processes.keeper import Keeper
from tests.playbooks.inventory import SECRETS, instance, server
from worker.inventory import write

APP, VERSION = "complaints", "2.6.0"
MANY = 20
ROUNDS = 3
ROWS = 20_000  # some 2 MB
FILES, FILE_BYTES = 40, 20_000
TABLE = "CREATE TABLE complaint AS SELECT n AS number, repeat(md5(n::text), 2) AS text FROM generate_series(1, {}) n"


@dataclass(frozen=True)
class Cost:
    cpu: float
    wall: float


class Instances:
    """So many of them, with data and without a service: a backup asks for none."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.ids = named("b", MANY)
        (layout.host_root / f"runtimes/{APP}-{VERSION}").mkdir(parents=True)
        self.databases = {short_id: self._filled(short_id) for short_id in self.ids}

    def home(self, short_id: str) -> Path:
        return self.layout.host_root / "instances" / short_id

    def _filled(self, short_id: str) -> Database:
        tenants, password = self.layout.tenants, SECRETS["database_password"]
        where = str(postgres.bin_dir(tenants)), str(tenants.socket_dir), tenants.port
        database = Database(*where, str(tenants.superuser_password_file), short_id, password)
        database.as_superuser(f"CREATE ROLE {short_id} LOGIN PASSWORD '{password}'")
        database.create()
        database.as_owner("psql", "-q", "-c", TABLE.format(ROWS))
        files = self.home(short_id) / "tracker/db/files"
        files.mkdir(parents=True)
        for number in range(FILES):
            (files / str(number)).write_bytes(os.urandom(FILE_BYTES))
        return database

    def by_hand(self, short_id: str, folder: Path) -> list[list[str]]:
        dump = [f"{self.databases[short_id].bin}/pg_dump", "-Fc", f"--file={folder / 'database.dump'}"]
        connection = [f"--host={self.layout.tenants.socket_dir}", f"--username={short_id}", short_id]
        return [dump + connection, ["tar", "-cf", str(folder / "files.tar"), "-C", str(self.home(short_id)), "."]]

    def run(self, ids: list[str], turn: int) -> list[str]:
        """The command of a run for these, with the interpreters that a worker has ready."""
        folder = Path(tempfile.mkdtemp(dir=self.layout.state_dir))
        job = {"job": {"id": f"job-{turn}", "action": "back_up", "fence": turn}}
        told = {each: instance(self.layout, APP, each, 1, VERSION, **job) | warm_way(folder) for each in ids}
        write(folder / "inventory.yml", {"here": server(self.layout, APP, VERSION)}, told)
        return [*WARMED, str(folder), str(PLAYBOOKS), "-i", str(folder / "inventory.yml"), f"apps/{APP}/back_up.yml"]


def spent(*commands: list[str]) -> Cost:
    environment = surroundings(PLAYBOOKS / "ansible.cfg") | {"PGPASSWORD": SECRETS["database_password"]}
    began = time.monotonic()
    with metered("backups") as meter:
        for command in commands:
            done = subprocess.run(
                command,
                cwd=PLAYBOOKS,
                env=environment,
                capture_output=True,
                text=True,
                preexec_fn=meter.enter,
                check=False,
            )
            if done.returncode:
                raise SystemExit(done.stdout[-4000:] + done.stderr[-4000:])
        return Cost(meter.seconds, time.monotonic() - began)


@contextmanager
def instances() -> Iterator[Instances]:
    with tempfile.TemporaryDirectory(prefix="backups-") as folder:
        layout = Layout(Path(folder))
        with Keeper(layout, lambda *_: None, lambda *_: None) as keeper:
            for step in postgres.tenants(layout, durable=False):
                keeper.start(step)
            yield Instances(layout)


def show(name: str, number: int, costs: list[Cost], base: float) -> float:
    cpu, wall = (median(getattr(cost, what) / number for cost in costs) for what in ("cpu", "wall"))
    print(f"{name:34}{number:10}{cpu:14.3f}{wall:14.3f}{cpu / (base or cpu):14.1f}")
    return cpu


def main() -> None:
    print(f"Backups of {APP}, {ROUNDS} times by turns; {load()}")
    with instances() as here:
        spent(here.run(here.ids[:1], 1))  # builds what encrypts and keeps backups
        plain, alone, many = [], [], []
        for turn in range(2, 2 + 2 * ROUNDS, 2):
            plain.append(spent(*here.by_hand(here.ids[0], here.layout.state_dir)))
            alone.append(spent(here.run(here.ids[:1], turn)))
            many.append(spent(here.run(here.ids, turn + 1)))
        print(f"\n{'':34}{'instances':>10}{'CPU s each':>14}{'wall s each':>14}{'of by hand':>14}")
        base = show("pg_dump and tar", 1, plain, 0)
        show("a backup in the store, alone", 1, alone, base)
        show("in one run", MANY, many, base)


if __name__ == "__main__":
    main()
