"""`provisioner jobs`: follow what is being done, stop it, settle it."""

import time
from collections.abc import Callable
from itertools import islice
from typing import Any
from uuid import UUID

import click
import orjson

from provisioner.db import db
from provisioner.jobs import failures, queries, search, story, waiting
from provisioner.jobs.events import Cursor
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.schemas import EventView, FailureView, FoundView, JobDetailView, JobView
from provisioner.jobs.watch import POLL, look, watch
from provisioner.output import OneOf, output_option, show, show_one
from provisioner.paging import every
from provisioner.workers import queries as workers

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

CAUSES = {"jobs": "Jobs", "instances": "Instances", "last_seen": "Last", "task": "Task", "advice": "What it means"}


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
    """All that is known of one job; of a failed one also what that means."""
    job = queries.detail(job_id)
    failed = next(iter(story.failed_tasks(job)), None)
    known = {**job._mapping, "waits": waiting.why(job), "failure": failed}  # noqa: SLF001 - how a row is read by name
    facts = JobDetailView().dump(known)
    show_one(facts if output == "json" else _readable(facts), output)


def _readable(facts: dict[str, Any]) -> dict[str, Any]:
    """What has parts of its own, in lines for people."""
    return facts | {name: tell(facts[name]) for name, tell in TOLD.items() if facts[name]}


def _failure(failed: dict[str, Any]) -> str:
    return f"{failed['role'] or '-'}: {failed['task']}\n{failed['message']}\n{failed['advice']}"


def _wait(wait: dict[str, Any]) -> str:
    facts = (wait["what"], wait["explanation"], wait["until"] and f"until {wait['until']}")
    ahead = [f"{wait['ahead']} before it"] if wait["ahead"] else []
    return ", ".join([wait["reason"].replace("_", " "), *filter(None, facts), *ahead])


def _stopped(stopped: dict[str, Any]) -> str:
    commands = [each["command"] for each in stopped["processes"]]
    return "\n".join([f"{stopped['count']} killed in {stopped['seconds']} s, {stopped['left']} left", *commands])


TOLD: dict[str, Callable[[dict[str, Any]], str]] = {"failure": _failure, "waits": _wait, "stopped": _stopped}


@jobs.command("search")
@click.argument("text")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@output_option
def find(text: str, limit: int, output: str) -> None:
    """Words in what all runs said, the newest first."""
    found = islice(every(lambda which: search.find(text, which)), limit)
    show(FoundView(many=True).dump(found), {"at": "When", "job_id": "Job", "task": "Task", "text": "Said"}, output)


@jobs.command("failures")
@click.option("--days", type=click.IntRange(0), default=failures.DAYS, show_default=True, help="0: all there are.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@output_option
def causes(days: int, limit: int, output: str) -> None:
    """What failed and how often, the same causes together."""
    found = islice(every(lambda which: failures.groups(which, days or None)), limit)
    show(FailureView(many=True).dump(found), CAUSES, output)


@jobs.command("wait")
@click.option("--worker", help="Only for what this worker carries out.")
def wait_until_idle(worker: str | None) -> None:
    """Wait until no job is being carried out any more, as after `provisioner drain begin`."""
    if worker is not None:
        workers.by_name(worker)
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
