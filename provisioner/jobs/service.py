"""The protocol of the queue: submit, claim, keep, conclude, reap. Every write of an attempt carries its fence.

Time is always the database's clock. No function here commits.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from provisioner.audit import service as audit
from provisioner.config import settings
from provisioner.db import Json, db
from provisioner.errors import Conflict, NotFound, OperationInProgress
from provisioner.jobs.lifecycle import OPEN, Cause, End, JobState, after_quiesce, verdict
from provisioner.jobs.models import Fence, Job

CHANNEL = "provisioner_jobs"  # NOTIFY wakes the dispatcher


class Fenced(Exception):
    """This attempt is not the newest one any more: whatever it wants to write, it must not."""


@dataclass(frozen=True)
class Order:
    """What `submit` needs to know of a job."""

    instance_id: UUID
    administration_id: UUID
    request_id: UUID
    action: str
    release_id: UUID
    digest: str
    site: str
    retry_safe: bool
    timeout: int


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
    """The answer to a heartbeat."""

    cancel_requested: bool
    past_deadline: bool


def _wake() -> None:
    db.session.execute(select(func.pg_notify(CHANNEL, "")))


def refuse_if_busy(instance_id: UUID) -> None:
    """OperationInProgress, naming the holder, if the instance has an open job. The caller holds the instance's row."""
    holder = db.session.scalar(select(Job).where(Job.instance_id == instance_id, Job.state.in_(OPEN)))
    if holder:
        raise OperationInProgress(action=holder.action, job_id=str(holder.id))


def submit(order: Order) -> Job:
    """Queue one action. The caller holds the instance's row; a unique index stands behind it."""
    refuse_if_busy(order.instance_id)
    job = Job(
        id=uuid4(),
        instance_id=order.instance_id,
        administration_id=order.administration_id,
        request_id=order.request_id,
        action=order.action,
        release_id=order.release_id,
        digest=order.digest,
        site=order.site,
        retry_safe=order.retry_safe,
        timeout=order.timeout,
        state=JobState.QUEUED,
        report={},
    )
    db.session.add(job)
    db.session.flush()
    db.session.execute(insert(Fence).values(instance_id=order.instance_id, value=0).on_conflict_do_nothing())
    audit.record(
        "job.submit",
        "job",
        job.id,
        administration_id=order.administration_id,
        request_id=order.request_id,
        job_id=job.id,
        after={"action": order.action, "instance_id": str(order.instance_id)},
    )
    _wake()
    return job


CLAIM = text("""
    WITH next AS MATERIALIZED (
        SELECT id, instance_id FROM job
        WHERE state = 'queued' AND site = ANY(:sites)
        ORDER BY queued_at, id LIMIT 1
        FOR UPDATE SKIP LOCKED
    ), fenced AS MATERIALIZED (
        UPDATE fence SET value = value + 1 FROM next WHERE fence.instance_id = next.instance_id RETURNING fence.value
    )
    UPDATE job SET
        state = 'running', attempt = attempt + 1, fence = fenced.value, owner = :owner, cause = NULL,
        lease_until = clock_timestamp() + make_interval(secs => :lease),
        started_at = coalesce(started_at, clock_timestamp()),
        deadline = clock_timestamp() + make_interval(secs => timeout),
        events_emitted = 0, events_stored = 0
    FROM next, fenced WHERE job.id = next.id
    RETURNING job.id AS job_id, job.instance_id, job.action, job.attempt, job.fence, job.digest, job.administration_id
""")


def claim(owner: str, sites: list[str]) -> Claim | None:
    """Take the oldest queued job of these sites, its lease and the next fence; None when nothing waits."""
    row = db.session.execute(CLAIM, {"owner": owner, "sites": sites, "lease": settings().lease}).one_or_none()
    if row is None:
        return None
    held = Claim(**row._mapping)  # noqa: SLF001 - the documented way to read a row by name
    _record("job.claim", held, outcome=JobState.RUNNING, after={"attempt": held.attempt})
    return held


def heartbeat(held: Claim) -> Beat:
    """Keep the lease; Fenced if the attempt is no longer the one that may act."""
    row = db.session.execute(
        _of(held)
        .values(lease_until=_in(settings().lease))
        .returning(Job.cancel_requested_at, Job.deadline < func.clock_timestamp())
    ).one_or_none()
    if row is None:
        raise Fenced
    return Beat(cancel_requested=row[0] is not None, past_deadline=bool(row[1]))


def _in(seconds: int) -> Any:
    return func.clock_timestamp() + timedelta(seconds=seconds)


def _of(held: Claim) -> Any:
    """An UPDATE of the held job that finds no row once the fence has moved on."""
    return update(Job).where(Job.id == held.job_id, Job.fence == held.fence, Job.state == JobState.RUNNING)


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt. `touched`: a task had started on the instance; `report`: what the playbook said."""

    end: End
    touched: bool
    report: Json
    events_emitted: int


def conclude(held: Claim, outcome: Outcome, *, known: bool) -> JobState:
    """End the attempt under its fence, and say in which state; Fenced if somebody else has it."""
    state, cause = verdict(outcome.end, known=known)
    concluded = db.session.execute(
        _of(held)
        .values(
            state=state,
            cause=cause,
            report=outcome.report,
            events_emitted=outcome.events_emitted,
            lease_until=None,
            finished_at=None if state in OPEN else func.clock_timestamp(),
        )
        .returning(Job.id)
    ).one_or_none()
    if concluded is None:
        raise Fenced
    _record("job.conclude", held, outcome=state, after={"state": state, "cause": cause})
    _wake()
    return state


def _record(action: str, job: Job | Claim, *, outcome: str, after: Json, reason: str | None = None) -> None:
    job_id = job.id if isinstance(job, Job) else job.job_id
    audit.record(
        action,
        "job",
        job_id,
        administration_id=job.administration_id,
        job_id=job_id,
        outcome=outcome,
        after=after,
        reason=reason,
    )


def reap() -> int:
    """Move jobs whose lease has run out one step on; any number of reapers may run. Returns how many it moved."""
    expired = db.session.scalars(
        select(Job)
        .where(Job.lease_until.is_not(None), Job.lease_until < func.clock_timestamp())
        .order_by(Job.lease_until)
        .limit(100)
        .with_for_update(skip_locked=True)
    ).all()
    for job in expired:
        if job.state is JobState.RUNNING:
            _quiesce(job)
        else:
            _after_quiesce(job)
        _record("job.reap", job, outcome=job.state, after={"state": job.state, "attempt": job.attempt})
    if expired:
        _wake()
    return len(expired)


def _quiesce(job: Job) -> None:
    job.state = JobState.QUIESCING
    job.cause = Cause.LEASE_LOST
    job.lease_until = _in(settings().quiesce)


def _after_quiesce(job: Job) -> None:
    job.lease_until = None
    if job.cancel_requested_at:
        job.state = JobState.NEEDS_ATTENTION
    else:
        job.state = after_quiesce(retry_safe=job.retry_safe, attempt=job.attempt, max_attempts=job.max_attempts)


def locked(job_id: UUID) -> Job:
    """The job, its row held until the end of the transaction."""
    job = db.session.scalar(select(Job).where(Job.id == job_id).with_for_update())
    if job is None:
        raise NotFound(kind="job", key=job_id)
    return job


def cancel(job_id: UUID, reason: str) -> Job:
    """Cancel a queued job at once; ask the worker of a running one to kill everything it started.

    Where an earlier attempt may have left something half done, a person must look first.
    """
    job = locked(job_id)
    if job.state is JobState.QUEUED and job.attempt > 0 and not job.retry_safe:
        job.state, job.cause = JobState.NEEDS_ATTENTION, Cause.CANCELLED
    elif job.state is JobState.QUEUED:
        job.state, job.cause, job.finished_at = JobState.CANCELLED, Cause.CANCELLED, func.clock_timestamp()
    elif job.state is JobState.RUNNING:
        job.cancel_requested_at = job.cancel_requested_at or func.clock_timestamp()
    else:
        raise Conflict("This job is not waiting or running any more, so there is nothing to cancel.", state=job.state)
    _record("job.cancel", job, outcome=job.state, after={"state": job.state}, reason=reason)
    return job


def settle(job: Job, state: JobState, reason: str) -> None:
    """Close or requeue a job that needs attention, as a person decided. The caller holds its row."""
    if job.state is not JobState.NEEDS_ATTENTION:
        raise Conflict("This job does not need attention.", state=job.state)
    job.state = state
    job.cause = Cause.RESOLVED
    if state is JobState.QUEUED:
        job.max_attempts = job.attempt + 1
        job.cancel_requested_at = None
        _wake()
    else:
        job.finished_at = func.clock_timestamp()
    _record("job.resolve", job, outcome=state, after={"state": state}, reason=reason)
