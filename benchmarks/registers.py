"""What it costs to enter the demo's register, and nine times as much on top of it."""

import csv
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from io import BytesIO, TextIOWrapper
from itertools import count, islice
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from flask import Flask
from machine import load

from provisioner.administrations.importing import applying, planning
from provisioner.app import create_app
from provisioner.audit.service import Actor, Via, acting
from provisioner.config import PREFIX, Settings
from provisioner.db import db, transaction
from provisioner.demo import people, register
from provisioner.demo.register import RegisterRow
from provisioner.embedded.layout import OWNER, Layout
from provisioner.embedded.servers import servers
from provisioner.migrations.run import migrate

GROWTH = 10
COLUMNS = ("kind", "name_ar", "name_fr", "demo", "parent", "supervisor", "territory")


@dataclass(frozen=True)
class Subject:
    """A service of its own, in this process, with its servers."""

    app: Flask
    layout: Layout


@contextmanager
def subject() -> Iterator[Subject]:
    """One that is empty; gone at the end."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, servers(Path(folder), durable=False) as layout:
        migrate(layout.database_url(OWNER))
        os.environ.setdefault(f"{PREFIX}STATE_DIR", folder)  # keys of the first serve all
        app = create_app(Settings(state_dir=layout.state_dir))
        with app.app_context(), acting(Actor(Via.CLI, on_behalf_of="benchmark")):
            yield Subject(app, layout)
            db.session.remove()
            db.engine.dispose()


def enter_more(wanted: int) -> int:
    """Import so many administrations beside those of the demo; returns how many are new."""
    with BytesIO() as file, TextIOWrapper(file, encoding="utf-8", newline="", write_through=True) as stream:
        writer = csv.DictWriter(stream, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(asdict(row) for row in islice(_more(), wanted))
        file.seek(0)
        with transaction():
            plan = planning.plan(file)
            applying.apply(plan)
    return plan.tally[planning.Outcome.CREATED]


def _more() -> Iterator[RegisterRow]:
    """The made-up administrations again and again, each time with other codes and names; labels are made of these."""
    made_up = [row for row in register.rows() if row.demo]
    for number in count(2):
        for row in made_up:
            demo, name_ar, name_fr = f"{row.demo}-{number}", f"{row.name_ar} {number}", f"{row.name_fr} {number}"
            yield replace(row, demo=demo, name_ar=name_ar, name_fr=name_fr)


def main() -> None:
    print(f"Entering the register; {load()}")
    with subject():
        begin = time.monotonic()
        first = people.enter_register()
        middle = time.monotonic()
        more = enter_more(first * (GROWTH - 1))
        end = time.monotonic()
    small, large = (middle - begin) / first, (end - middle) / more
    print(f"{first:7,} into an empty one {middle - begin:7.1f} s {small * 1000:7.2f} ms each")
    print(f"{more:7,} on top of them   {end - middle:7.1f} s {large * 1000:7.2f} ms each {large / small:7.2f}x")


if __name__ == "__main__":
    main()
