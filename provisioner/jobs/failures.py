"""What fails in the same way has the same fingerprint, so that 83 failed jobs read as three causes."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert

from provisioner.db import db
from provisioner.jobs.explaining import Explanation, explain
from provisioner.jobs.models import FAILING, Failure, Job, JobEvent
from provisioner.paging import Page, PageRequest, page

LONGEST = 2000  # characters of a message that tell one failure from another
DAYS = 30
# What differs from job to job, and what stands for it; in this order.
DIFFERENT = tuple(
    (re.compile(pattern, re.IGNORECASE), word)
    for pattern, word in (
        (r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", "<id>"),
        (r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?", "<time>"),
        (r"\b\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?\b", "<time>"),
        (r"(?<![\w/])/(?:var/tmp|tmp|dev/shm)/[^\s'\"():,]+", "<file>"),
        (r"\bhttps?://[^\s'\"<>]+", "<address>"),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", "<address>"),
        (r"(?<![\w:])[0-9a-f]{1,4}:(?:[0-9a-f]{0,4}:){1,6}[0-9a-f]{0,4}(?![\w:])", "<address>"),
        (r"\b0x[0-9a-f]+\b|\b(?=[a-f]*\d)[0-9a-f]{7,}\b", "<number>"),
        (r"([\"'`])[^\"'`\n]*[\d.-][^\"'`\n]*\1", "<name>"),
        (r"\b(?=[a-z]*\d)[a-z][a-z0-9]{9}\b", "<id>"),  # short ids of instances
        (r"\d+(?:\.\d+)*", "<number>"),
        (r"(does not show: ).*", r"\1<name>"),
        (r"\s+", " "),
    )
)


@dataclass(frozen=True)
class Group:
    """A failure and the jobs that failed like that. `example` is the newest of them."""

    fingerprint: str
    jobs: int
    instances: int
    last_seen: datetime
    example: UUID
    role: str
    task: str
    module: str
    message: str
    first_seen: datetime

    @property
    def explanation(self) -> Explanation:
        return explain(self.module, self.message)


def why(result: dict[str, Any]) -> str:
    """What a failed task said, whichever way its module says it."""
    said = next((result[key] for key in ("msg", "stderr", "stdout") if result.get(key)), "")
    return said if isinstance(said, str) else "\n".join(map(str, said)) if isinstance(said, list) else str(said)


def normalised(message: str, host: str = "") -> str:
    """The message without what differs from job to job; `host` is the name under which the run knew the instance."""
    message = message[: 2 * LONGEST]
    if host:
        message = re.sub(rf"(?<![a-z0-9]){re.escape(host)}(?![a-z0-9])", "<instance>", message)
    for pattern, word in DIFFERENT:
        message = pattern.sub(word, message)
    return message.strip()[:LONGEST]


def told(job: Any, most: int) -> Sequence[Any]:
    """The tasks that failed in the newest attempt, the first of them first."""
    # In the text and not as values, or a prepared statement could not use the index of just these kinds.
    failing = JobEvent.kind.in_(bindparam("failing", FAILING, expanding=True, literal_execute=True))
    columns = ("attempt", "counter", "at", "host", "role", "task", "module", "result")
    month = func.job_event_month(job.queued_at)
    return db.session.execute(
        select(*(getattr(JobEvent, name) for name in columns))
        .where(JobEvent.month == month, JobEvent.job_id == job.id, JobEvent.attempt == job.attempt, failing)
        .order_by(JobEvent.counter)
        .limit(most)
    ).all()


def recognised(job: Job) -> str | None:
    """The fingerprint of the first task that failed in the newest attempt, known from now on; None if none did."""
    first = next(iter(told(job, 1)), None)
    if first is None:
        return None
    facts = {"role": first.role, "task": first.task, "module": first.module}
    facts["message"] = normalised(why(first.result), first.host)
    fingerprint = hashlib.sha256("\0".join(facts.values()).encode()).hexdigest()[:16]
    db.session.execute(insert(Failure).values(fingerprint=fingerprint, **facts).on_conflict_do_nothing())
    return fingerprint


def groups(which: PageRequest, days: int | None = DAYS) -> Page:
    """Failures and how often they came, the one that came last first; only jobs asked for in so many days count."""
    recent: ColumnElement[bool] = Job.fingerprint.is_not(None)
    if days is not None:
        recent = and_(recent, Job.queued_at > func.clock_timestamp() - func.make_interval(0, 0, 0, days))
    newest_first = func.array_agg(aggregate_order_by(Job.id, Job.queued_at.desc()))
    counted = (
        select(
            Job.fingerprint,
            func.count().label("jobs"),
            func.count(Job.instance_id.distinct()).label("instances"),
            func.max(Job.queued_at).label("last_seen"),
            newest_first[1].label("example"),
        )
        .where(recent)
        .group_by(Job.fingerprint)
        .subquery()
    )
    facts = (Failure.role, Failure.task, Failure.module, Failure.message, Failure.first_seen)
    query = select(*counted.c, *facts).join(Failure, Failure.fingerprint == counted.c.fingerprint)
    order = [counted.c.last_seen, counted.c.fingerprint]
    found = page(query, order, which, {"list": "failures", "days": days}, newest_first=True)
    return replace(found, rows=[Group(**row._mapping) for row in found.rows])  # noqa: SLF001 - how a row is read by name
