"""A run as people read it: what went wrong in it, and its log line by line."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from provisioner.db import db
from provisioner.jobs import events, explaining, failures
from provisioner.jobs.events import END, LINE, SHOWN, Cursor
from provisioner.jobs.explaining import Explanation
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.models import FAILING, JobEvent

MOST_FAILURES = 5  # one is the cause, the others are what followed from it
AT_ONCE = 500  # events on a page of the log
OF_A_FILE = 1000  # events read at a time
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
    "runner_on_ignored": "skipped",
    **dict.fromkeys((*FAILING, "runner_item_on_failed"), "failed"),
}
WHOLE = [JobEvent.attempt, JobEvent.counter, JobEvent.at, JobEvent.stdout]


@dataclass(frozen=True)
class FailedTask:
    """A task that failed, what it said, and what that means."""

    counter: int
    at: datetime
    host: str
    role: str
    task: str
    module: str
    message: str
    explanation: Explanation


@dataclass(frozen=True)
class Excerpt:
    """A part of the log. `earlier`: a place with more before it; `later`: one with more behind it."""

    events: Sequence[Any]
    earlier: Cursor | None
    later: Cursor | None

    @property
    def last(self) -> Cursor:
        return place(self.events[-1]) if self.events else Cursor()


def elapsed(job: Any) -> float | None:
    """Seconds since the first attempt began, to the end if there is one; None while nobody knows how it ended."""
    if job.started_at is None or job.state is JobState.NEEDS_ATTENTION:
        return None
    lasted: timedelta = (job.finished_at or datetime.now(UTC)) - job.started_at
    return lasted.total_seconds()


def failed_tasks(job: Any) -> list[FailedTask]:
    """The tasks that failed in the newest attempt, the first of them first; none of a job that succeeded."""
    return [] if job.state is JobState.SUCCEEDED else list(map(_failed, failures.told(job, MOST_FAILURES)))


def _failed(event: Any) -> FailedTask:
    message = failures.why(event.result)
    explanation = explaining.explain(event.module, message)
    return FailedTask(event.counter, event.at, event.host, event.role, event.task, event.module, message, explanation)


def newest(job_id: UUID) -> Excerpt:
    """The end of the log."""
    return replace(earlier_than(job_id, END), later=None)


def earlier_than(job_id: UUID, cursor: Cursor) -> Excerpt:
    """What comes right before this place."""
    said = events.before(job_id, cursor, AT_ONCE + 1, LINE)
    shown = said[-AT_ONCE:]
    return Excerpt(shown, place(shown[0]) if len(said) > AT_ONCE else None, place(shown[-1]) if shown else cursor)


def later_than(job_id: UUID, cursor: Cursor) -> Excerpt:
    """What comes right behind this place."""
    said = events.after(job_id, cursor, AT_ONCE + 1, LINE)
    shown = said[:AT_ONCE]
    earlier = place(shown[0]) if shown and cursor.attempt else None
    return Excerpt(shown, earlier, place(shown[-1]) if len(said) > AT_ONCE else None)


def around(job_id: UUID, cursor: Cursor) -> Excerpt:
    """This place, with what comes before and behind it."""
    half = AT_ONCE // 2
    earlier = events.before(job_id, cursor, half, LINE)
    rest = later_than(job_id, Cursor(cursor.attempt, cursor.counter - 1))
    return Excerpt([*earlier, *rest.events], place(earlier[0]) if len(earlier) == half else None, rest.later)


def line(event: Any) -> str:
    """What an event adds to the log; most add nothing."""
    return RULE.sub("", event.stdout.strip("\n"))


def shown_line(event: Any) -> str:
    """The same on a page, which holds no more than the beginning of a very long one."""
    return line(event) + (" […]" if len(event.stdout) == SHOWN else "")


def tone(event: Any) -> str:
    """How the line is shown: as a heading (task), or as what came of a task."""
    return "changed" if event.changed and event.kind.endswith("_ok") else TONES.get(event.kind, "")


def place(event: Any) -> Cursor:
    return Cursor(event.attempt, event.counter)


def text(job_id: UUID) -> Iterator[str]:
    """The whole log, batch by batch."""
    cursor = Cursor()
    while rows := events.after(job_id, cursor, OF_A_FILE, WHOLE):
        db.session.remove()  # no connection waits for a slow reader
        yield "".join(f"{event.at:%Y-%m-%dT%H:%M:%SZ} {place(event)} {line(event)}\n" for event in rows if line(event))
        cursor = place(rows[-1])
