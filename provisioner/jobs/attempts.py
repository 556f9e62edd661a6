"""The way of an attempt that was claimed: begin, keep, conclude. Every write of an attempt carries its fence.

Time is always the database's clock. No function here commits.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select, tuple_, update

from provisioner.config import settings
from provisioner.db import Json, db
from provisioner.hosts import service as hosts
from provisioner.jobs import failures
from provisioner.jobs.lifecycle import OPEN, Cause, End, JobState, acts_on, backoff, verdict
from provisioner.jobs.models import Job
from provisioner.jobs.service import record


class Fenced(Exception):
    """This attempt is not the newest one any more: whatever it wants to write, it must not."""


@dataclass(frozen=True)
class Claim:
    """The right to act on one instance for as long as the heartbeat is answered."""

    job_id: UUID
    instance_id: UUID
    action: str
    attempt: int
    fence: int
    digest: str
    administration_id: UUID


@dataclass(frozen=True)
class Beat:
    """The answer to a heartbeat, for one job."""

    cancel_requested: bool
    past_deadline: bool


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt.

    `touched`: a task had started on the instance; `report`: what the playbook said; `stopped`: what was killed with
    a run that was stopped; `target_silent`: it was the host that the instance moves to that did not answer.
    """

    end: End
    touched: bool
    report: Json
    events_emitted: int
    stopped: Json | None = None
    target_silent: bool = False


def running(held: Collection[Claim]) -> ColumnElement[bool]:
    """The jobs of these claims, but for those whose fence has moved on."""
    pairs = [(each.job_id, each.fence) for each in held]
    return and_(tuple_(Job.id, Job.fence).in_(pairs), Job.state == JobState.RUNNING)


def _in_turn(held: Collection[Claim]) -> Any:
    """The ids of their jobs, each row held: whoever holds several takes them in one order, so that nobody waits in a
    circle.
    """
    return select(Job.id).where(running(held)).order_by(Job.id).with_for_update(key_share=True).cte()


_BEAT = (Job.id, Job.cancel_requested_at, Job.deadline < func.clock_timestamp())


def heartbeat(held: Collection[Claim]) -> dict[UUID, Beat]:
    """Keep the leases; Fenced if one of the attempts is no longer the one that may act."""
    kept = update(Job).where(Job.id.in_(select(_in_turn(held)))).values(lease_until=soon(settings().lease))
    return _beats(held, db.session.execute(kept.returning(*_BEAT)).all())


def look(held: Collection[Claim]) -> dict[UUID, Beat]:
    """What a heartbeat would answer, without writing: cheap enough for every second."""
    return _beats(held, db.session.execute(select(*_BEAT).where(running(held))).all())


def _beats(held: Collection[Claim], rows: Sequence[Any]) -> dict[UUID, Beat]:
    if len(rows) < len(held):
        raise Fenced
    return {job_id: Beat(cancelled is not None, bool(late)) for job_id, cancelled, late in rows}


def begin(held: Collection[Claim]) -> set[UUID]:
    """The turn of these jobs in their run has come. Returns those that may begin: the others were cancelled before.

    Nothing acts on an instance before this is written, so that after a lost run it is known what may be half done.
    """
    on_time = func.least(Job.deadline, func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, Job.timeout))
    rows = db.session.scalars(
        update(Job)
        .where(Job.id.in_(select(_in_turn(held))), Job.cancel_requested_at.is_(None))
        .values(begun=True, deadline=on_time)
        .returning(Job.id)
    )
    return set(rows)


def soon(seconds: float) -> Any:
    """So long after now, by the database's clock."""
    return func.clock_timestamp() + timedelta(seconds=seconds)


def locked(held: Collection[Claim]) -> dict[UUID, Job]:
    """The held jobs by id, their rows held until the end of the transaction, but for those whose fence has moved on."""
    jobs = db.session.scalars(
        select(Job)
        .where(running(held))
        .order_by(Job.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {job.id: job for job in jobs}


def conclude(job: Job, outcome: Outcome, *, known: bool, repeatable: bool, now: datetime) -> JobState:
    """End the newest attempt of a job whose row the caller has `locked` under its fence, and say in which state.

    `known`: what the instance is like now is certain; `repeatable`: another attempt can do no harm. A host that did
    not answer is parked, and the job waits for it if attempts remain.
    """
    end = _really(job, outcome.end)
    job.fingerprint = None if end in {End.SUCCEEDED, End.NOT_BEGUN} else failures.recognised(job)
    again = repeatable and _may_try_again(job, end)
    job.state, job.cause = verdict(end, known=known, again=again)
    if job.giving_way and job.state is JobState.CANCELLED:
        job.cause = Cause.GAVE_WAY
    job.touched |= outcome.touched
    job.max_attempts += end is End.NOT_BEGUN
    job.report, job.stopped = outcome.report, outcome.stopped
    job.events_emitted = max(outcome.events_emitted, job.events_stored)  # a worker that failed cannot say how many
    job.lease_until = None
    job.finished_at = None if job.state in OPEN else now
    _wait(job, end, again=again)
    _park(job, end, outcome)
    record("job.conclude", job, outcome=job.state, after={"state": job.state, "cause": job.cause})
    return job.state


def _really(job: Job, end: End) -> End:
    """Who was to be stopped before its turn had come is not put back into the queue."""
    return End.CANCELLED if end is End.NOT_BEGUN and job.cancel_requested_at is not None else end


def _may_try_again(job: Job, end: End) -> bool:
    """Only a host that did not answer is tried again without asking a person."""
    return end is End.UNREACHABLE and job.attempt < job.max_attempts and job.cancel_requested_at is None


def _wait(job: Job, end: End, *, again: bool) -> None:
    """Nothing begins on the instance while what was cut off may act on."""
    if acts_on(end, job.state):  # a person's retry waits for its end, too
        pause = backoff(job.attempt, random.random()) if again else 0.0  # noqa: S311 - jitter
        job.not_before = soon(settings().quiesce + pause)


def _park(job: Job, end: End, outcome: Outcome) -> None:
    """Nothing begins on a host that does not answer."""
    if job.target_host_id and outcome.target_silent:
        hosts.park(job.target_host_id)
    elif end is End.UNREACHABLE:
        hosts.park(job.host_id)
