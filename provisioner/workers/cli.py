"""`provisioner workers` and `provisioner drain`: who carries jobs out, and where nothing new is begun."""

from collections.abc import Callable
from typing import Any

import click

from provisioner.db import transaction
from provisioner.output import output_option, reason_option, show
from provisioner.workers import queries, service
from provisioner.workers.lifecycle import DrainScope
from provisioner.workers.schemas import DrainView, WorkerView

WORKERS = {
    "name": "Worker",
    "sites": "Sites",
    "concurrency": "Runs at once",
    "sandbox": "Sandbox",
    "present": "Present",
    "draining": "Draining",
    "seen_at": "Seen",
}
DRAINS = {"scope": "Where", "name": "Name", "reason": "Reason", "since": "Since"}


@click.group()
def workers() -> None:
    """Who carries jobs out."""


@workers.command("list")
@output_option
def list_workers(output: str) -> None:
    """All workers, as they last announced themselves."""
    show(WorkerView(many=True).dump(queries.every()), WORKERS, output)


@click.group()
def drain() -> None:
    """Begin nothing new, and let what runs come to its end: of the whole service, a site, or a worker."""


def _where(command: Callable[..., None]) -> Callable[..., None]:
    """The options that name the place; neither means the whole service."""
    command = click.option("--site", help="Only the jobs of this site.")(command)
    return click.option("--worker", help="Only this worker.")(command)


def _place(site: str | None, worker: str | None) -> tuple[DrainScope, str]:
    if site and worker:
        raise click.UsageError("Name a site or a worker, not both.")
    if site:
        return DrainScope.SITE, site
    return (DrainScope.WORKER, worker) if worker else (DrainScope.SERVICE, "")


@drain.command("begin")
@_where
@reason_option
@output_option
def begin(site: str | None, worker: str | None, reason: str, output: str) -> None:
    """Begin nothing new there. `provisioner jobs wait` waits for what still runs."""
    with transaction():
        service.drain(*_place(site, worker), reason)
    _show(output)


@drain.command("end")
@_where
@reason_option
@output_option
def end(site: str | None, worker: str | None, reason: str, output: str) -> None:
    """Begin jobs there again."""
    with transaction():
        service.end_drain(*_place(site, worker), reason)
    _show(output)


@drain.command("list")
@output_option
def list_drains(output: str) -> None:
    """Where nothing new is begun at present, and why."""
    _show(output)


def _show(output: str) -> None:
    rows: list[dict[str, Any]] = DrainView(many=True).dump(queries.drains())
    show(rows, DRAINS, output)
