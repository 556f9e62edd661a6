"""`make hosts-demo`: three real servers with the five apps on them; one app moves, and one server is emptied. At its
end everything is gone.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.estate.machines import why_not
from tests.estate.story import Estate, estate

APPS = ("mail-registry", "complaints", "open-data", "files", "appointments")
CACHE = Path(".pytest_cache/d/machines")
console = Console()


@contextmanager
def _step(what: str) -> Iterator[None]:
    began = time.monotonic()
    with console.status(f"{what}..."):
        yield
    console.print(f"[green]✓[/] {what} [dim]({time.monotonic() - began:.0f} s)[/]")


def _shown(estate: Estate, instances: list[Any]) -> None:
    table = Table("App", "Name", "Server", "Its first page")
    for each in instances:
        now = estate.service.get(f"/instances/{each['id']}")
        title = estate.page(now).split("<title>", 1)[1].split("</title>", 1)[0].strip()
        table.add_row(now["app"]["slug"], now["hostname"], now["host"], title)
    console.print(table)


def _tour(given: Estate) -> None:
    for machine in given.machines:
        with _step(f"{machine.name} at {machine.address} is registered by its key and prepared"):
            given.enter(machine)
    with _step("Each of the five apps for an administration of its own; placement chooses the server"):
        jobs = [given.asked(app, f"commune-{app}") for app in APPS]
        instances = [given.done(job) for job in jobs]
    _shown(given, instances)
    with _step(f"{instances[1]['hostname']} moves away from {instances[1]['host']}"):
        given.done(given.service.post(f"/instances/{instances[1]['id']}/move", {"reason": "a demonstration"}))
    drained = given.machines[0].name
    with _step(f"{drained} is drained and retired"):
        given.drained(drained)
    _shown(given, instances)


def main() -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    console.print("Three Debian servers boot, and the service starts. The first time their system is installed.")
    if why := why_not(CACHE):
        sys.exit(f"No servers can be booted here: {why}.")
    with tempfile.TemporaryDirectory() as folder, estate(Path(folder), CACHE) as given:
        _tour(given)
    console.print("Everything is gone again.")


if __name__ == "__main__":
    main()
