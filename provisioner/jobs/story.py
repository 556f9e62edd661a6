"""A run as people read it: its steps, what went wrong in it, and its log line by line."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from provisioner.db import db
from provisioner.jobs import events
from provisioner.jobs.events import Cursor
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.models import JobEvent
from provisioner.jobs.watch import BATCH

FAILURES = ("runner_on_failed", "runner_item_on_failed", "runner_on_unreachable")
MOST_FAILURES = 5  # one is the cause, the others are what followed from it
RULE = re.compile(r" \*{3,}$", re.MULTILINE)  # what Ansible fills its headings with
TONES = {
    "playbook_on_play_start": "task",
    "playbook_on_task_start": "task",
    "playbook_on_handler_task_start": "task",
    "playbook_on_stats": "task",
    "runner_on_ok": "ok",
    "runner_item_on_ok": "ok",
    "runner_on_skipped": "skipped",
    "runner_item_on_skipped": "skipped",
    **dict.fromkeys(FAILURES, "failed"),
}


@dataclass(frozen=True)
class Step:
    """One role of a run, or the tasks of a play that stand in no role. `seconds`: None while it lasts."""

    name: str
    play: str
    began: datetime
    seconds: float | None
    outcome: str  # ok, changed or failed; running while it lasts


def elapsed(job: Any) -> float | None:
    """Seconds since the first attempt began, to the end if there is one; None while nobody knows how it ended."""
    if job.started_at is None or job.state is JobState.NEEDS_ATTENTION:
        return None
    lasted: timedelta = (job.finished_at or datetime.now(UTC)) - job.started_at
    return lasted.total_seconds()


def steps(job: Any) -> list[Step]:
    """The steps of the newest attempt, in the order in which they began."""
    rows = db.session.execute(
        select(
            JobEvent.role,
            JobEvent.play,
            func.min(JobEvent.at).label("began"),
            func.max(JobEvent.at).label("ended"),
            func.bool_or(JobEvent.kind.in_(FAILURES)).label("failed"),
            func.bool_or(JobEvent.changed).label("changed"),
        )
        .where(JobEvent.job_id == job.id, JobEvent.attempt == job.attempt, JobEvent.task != "")
        .group_by(JobEvent.role, JobEvent.play)
        .order_by(func.min(JobEvent.counter))
    ).all()
    followed = [_step(row, following.began) for row, following in pairwise(rows)]
    return followed + [_last_step(row, job) for row in rows[-1:]]


def _step(row: Any, ended: datetime) -> Step:
    outcome = "failed" if row.failed else "changed" if row.changed else "ok"
    return Step(row.role or row.play, row.play, row.began, (ended - row.began).total_seconds(), outcome)


def _last_step(row: Any, job: Any) -> Step:
    if job.state is JobState.RUNNING:
        return Step(row.role or row.play, row.play, row.began, None, "running")
    return _step(row, row.ended)


def failures(job: Any) -> Sequence[Any]:
    """The tasks that failed in the newest attempt, the first of them first."""
    return db.session.execute(
        select(JobEvent.counter, JobEvent.at, JobEvent.host, JobEvent.role, JobEvent.task, JobEvent.result)
        .where(JobEvent.job_id == job.id, JobEvent.attempt == job.attempt, JobEvent.kind.in_(FAILURES))
        .order_by(JobEvent.counter)
        .limit(MOST_FAILURES)
    ).all()


def why(result: dict[str, Any]) -> str:
    """What a failed task said, whichever way its module says it."""
    said = next((result[key] for key in ("msg", "stderr", "stdout") if result.get(key)), "")
    return said if isinstance(said, str) else "\n".join(map(str, said)) if isinstance(said, list) else str(said)


def line(event: Any) -> str:
    """What an event adds to the log; most add nothing."""
    return RULE.sub("", event.stdout.strip("\n"))


def tone(event: Any) -> str:
    """How the line is shown: as a heading (task), or as what came of a task."""
    return "changed" if event.changed and event.kind.endswith("_ok") else TONES.get(event.kind, "")


def place(event: Any) -> Cursor:
    return Cursor(event.attempt, event.counter)


def text(job_id: UUID) -> Iterator[str]:
    """The whole log, batch by batch."""
    cursor = Cursor()
    while rows := events.after(job_id, cursor, BATCH):
        db.session.remove()  # no connection waits for a slow reader
        yield "".join(f"{event.at:%Y-%m-%dT%H:%M:%SZ} {place(event)} {line(event)}\n" for event in rows if line(event))
        cursor = place(rows[-1])
