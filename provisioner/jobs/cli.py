"""`provisioner jobs`: follow what is being done, stop it, settle it."""

import time
from itertools import islice
from typing import Any
from uuid import UUID

import click
import orjson

from provisioner.db import db
from provisioner.jobs import queries, story, waiting
from provisioner.jobs.events import Cursor
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.schemas import EventView, JobDetailView, JobView
from provisioner.jobs.watch import POLL, look, watch
from provisioner.output import OneOf, output_option, show, show_one
from provisioner.paging import every

COLUMNS = {
    "id": "Id",
    "action": "Action",
    "state": "State",
    "attempt": "Attempt",
    "cause": "Cause",
    "queued_at": "Queued",
    "finished_at": "Finished",
    "instance_id": "Instance",
}


@click.group()
def jobs() -> None:
    """What is being done to instances, and what was."""


@jobs.command("list")
@click.option("--state", type=OneOf(JobState))
@click.option("--instance", type=click.UUID, help="Its id.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@output_option
def list_jobs(state: JobState | None, instance: UUID | None, limit: int, output: str) -> None:
    """Jobs, the newest first."""
    wanted = queries.Filter(state, instance)
    found = islice(every(lambda which: queries.find(wanted, which)), limit)
    show(JobView(many=True).dump(found), COLUMNS, output)


@jobs.command("show")
@click.argument("job_id", type=click.UUID)
@output_option
def show_job(job_id: UUID, output: str) -> None:
    """All that is known of one job."""
    found = queries.detail(job_id)
    show_one(JobDetailView().dump({**found._mapping, "waits": waiting.why(found)}), output)  # noqa: SLF001 - how a row is read by name


@jobs.command("wait")
@click.option("--worker", help="Only for what this worker carries out.")
def wait_until_idle(worker: str | None) -> None:
    """Wait until no job is being carried out any more, as after `provisioner drain begin`."""
    while queries.running(worker):
        db.session.rollback()
        time.sleep(POLL)


@jobs.command()
@click.argument("job_id", type=click.UUID)
@click.option("--follow/--no-follow", default=True, show_default=True, help="Go on until the job has ended.")
@output_option
def tail(job_id: UUID, *, follow: bool, output: str) -> None:
    """Print the log of a job while it is written; as JSON, one event a line."""
    looks = watch(job_id) if follow else _so_far(job_id)
    for seen in looks:
        for event in seen.events:
            _print(event, output)


def _so_far(job_id: UUID) -> Any:
    """What there is now, batch by batch."""
    seen = look(job_id, Cursor())
    while seen.events:
        yield seen
        seen = look(job_id, seen.cursor)


def _print(event: Any, output: str) -> None:
    if output == "json":
        click.echo(orjson.dumps(EventView().dump(event)))
    elif line := story.line(event):
        click.echo(line)
