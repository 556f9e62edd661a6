"""The steps of a run, kept up with its events, so that no page has to read the whole story to show them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert

from provisioner.db import db
from provisioner.jobs.attempts import Claim
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.models import FAILING, JobStep

_NEW = insert(JobStep)
KEEP = _NEW.on_conflict_do_update(
    index_elements=["job_id", "attempt", "play", "role"],
    set_={
        "task": _NEW.excluded.task,
        "ended": func.clock_timestamp(),
        "failed": or_(JobStep.failed, _NEW.excluded.failed),
        "changed": or_(JobStep.changed, _NEW.excluded.changed),
    },
)


@dataclass(frozen=True)
class Step:
    """One role of a run, or the tasks of a play that stand in no role. `seconds`: None while it lasts."""

    name: str
    play: str
    began: datetime
    seconds: float | None
    outcome: str  # ok, changed or failed; running while it lasts


def keep(told: Iterable[tuple[Claim, Sequence[Any]]]) -> None:
    """Bring the steps of attempts up to these events, which come after all that are kept."""
    rows = [row for held, events in told for row in _rows(held, events)]
    if rows:
        db.session.execute(KEEP, rows)


def _rows(held: Claim, events: Sequence[Any]) -> Iterable[dict[str, Any]]:
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for event in events:
        if event.task:
            row = rows.setdefault((event.play, event.role), _begun(held, event))
            row["task"] = event.task
            row["failed"] |= event.kind in FAILING
            row["changed"] |= event.changed
    return rows.values()


def _begun(held: Claim, event: Any) -> dict[str, Any]:
    of = {"job_id": held.job_id, "attempt": held.attempt, "play": event.play, "role": event.role}
    return {**of, "number": event.counter, "task": event.task, "failed": False, "changed": False}


def of(job: Any) -> list[Step]:
    """The steps of the newest attempt, in the order in which they began."""
    rows = db.session.execute(
        select(JobStep.role, JobStep.play, JobStep.began, JobStep.ended, JobStep.failed, JobStep.changed)
        .where(JobStep.job_id == job.id, JobStep.attempt == job.attempt)
        .order_by(JobStep.number)
    ).all()
    followed = [_step(row, following.began) for row, following in pairwise(rows)]
    return followed + [_last(row, job) for row in rows[-1:]]


def _step(row: Any, ended: datetime) -> Step:
    outcome = "failed" if row.failed else "changed" if row.changed else "ok"
    return Step(row.role or row.play, row.play, row.began, (ended - row.began).total_seconds(), outcome)


def _last(row: Any, job: Any) -> Step:
    if job.state is JobState.RUNNING:
        return Step(row.role or row.play, row.play, row.began, None, "running")
    return _step(row, row.ended)


def latest_task(job_id: UUID) -> str | None:
    """The task that a run is at."""
    return db.session.scalar(
        select(JobStep.task)
        .where(JobStep.job_id == job_id)
        .order_by(JobStep.attempt.desc(), JobStep.ended.desc(), JobStep.number.desc())
        .limit(1)
    )
