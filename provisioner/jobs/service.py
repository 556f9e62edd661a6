"""What is asked of the queue: submit a job, cancel it, settle it. How an attempt goes stands in `attempts`.

Time is always the database's clock. No function here commits.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from provisioner.audit import service as audit
from provisioner.db import Json, db
from provisioner.errors import Conflict, NotFound, OperationInProgress
from provisioner.jobs.lifecycle import LEASED, OPEN, Cause, JobState, before_it_began
from provisioner.jobs.models import Fence, Job
from provisioner.workers.service import wake


@dataclass(frozen=True)
class Order:
    """What `submit` needs to know of a job."""

    instance_id: UUID
    administration_id: UUID
    request_id: UUID
    action: str
    app_id: UUID
    release_id: UUID
    digest: str
    host_id: UUID
    site: str
    retry_safe: bool
    timeout: int
    background: bool = False  # a sweep's: only for what may be stopped anywhere


def record(action: str, job: Job, *, outcome: str, after: Json, reason: str | None = None) -> None:
    audit.record(
        action,
        "job",
        job.id,
        administration_id=job.administration_id,
        job_id=job.id,
        outcome=outcome,
        after=after,
        reason=reason,
    )


def make_way(instance_id: UUID, *, background: bool) -> None:
    """Let the instance take a new job: a sweep's job gives way to a person's.

    OperationInProgress, naming the holder, if another open job has the instance. The caller holds the instance's row.
    """
    holder = db.session.scalar(
        select(Job)
        .where(Job.instance_id == instance_id, Job.state.in_(OPEN), Job.giving_way.is_(False))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if holder is None:
        return
    if background or not holder.background:
        raise OperationInProgress(action=holder.action, job_id=str(holder.id))
    _give_way(holder)


def _give_way(job: Job) -> None:
    if job.state is JobState.QUEUED:
        _end(job, JobState.CANCELLED, Cause.GAVE_WAY)
    else:
        job.giving_way = True
        job.cancel_requested_at = job.cancel_requested_at or func.clock_timestamp()
    db.session.flush()  # the index lets the newcomer in only after it
    record("job.give_way", job, outcome=job.state, after={"state": job.state})


def _end(job: Job, state: JobState, cause: Cause) -> None:
    job.state, job.cause, job.finished_at = state, cause, func.clock_timestamp()


def submit(order: Order) -> Job:
    """Queue one action. The caller holds the instance's row and has made way on it; a unique index stands behind."""
    still_acting = _still_acting(order.instance_id)
    job = Job(id=uuid4(), **order.__dict__, state=JobState.QUEUED, not_before=still_acting, report={})
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
    wake()
    return job


def _still_acting(instance_id: UUID) -> Any:
    """Until when an attempt that was cut off may act on: nothing new begins there before."""
    later = Job.not_before > func.clock_timestamp()
    return select(func.max(Job.not_before)).where(Job.instance_id == instance_id, later).scalar_subquery()


def locked(job_id: UUID) -> Job:
    """The job as it is now, its row held until the end of the transaction."""
    query = select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    job = db.session.scalar(query)
    if job is None:
        raise NotFound(kind="job", key=job_id)
    return job


def cancel(job_id: UUID, reason: str) -> Job:
    """Cancel a queued job at once; ask the worker of a running one to kill everything it started. One whose worker
    was lost is not begun again.
    """
    job = locked(job_id)
    if job.state is JobState.QUEUED:
        end_before_it_begins(job)
    elif job.state in LEASED:
        job.cancel_requested_at = job.cancel_requested_at or func.clock_timestamp()
    else:
        raise Conflict("This job is not waiting or running any more, so there is nothing to cancel.", state=job.state)
    record("job.cancel", job, outcome=job.state, after={"state": job.state}, reason=reason)
    return job


def end_before_it_begins(job: Job) -> None:
    """Cancel a job of which nothing acts."""
    job.state = before_it_began(touched=job.touched, retry_safe=job.retry_safe, background=job.background)
    job.cause = Cause.GAVE_WAY if job.giving_way else Cause.CANCELLED
    job.finished_at = None if job.state in OPEN else func.clock_timestamp()


def settle(job: Job, state: JobState, reason: str) -> None:
    """Close or requeue a job that needs attention, as a person decided. The caller holds its row."""
    if job.state is not JobState.NEEDS_ATTENTION:
        raise Conflict("This job does not need attention.", state=job.state)
    if state is JobState.QUEUED:
        job.state, job.cause = state, Cause.RESOLVED
        job.max_attempts = job.attempt + 1
        job.cancel_requested_at = None
    else:
        _end(job, state, Cause.RESOLVED)
    wake()
    record("job.resolve", job, outcome=state, after={"state": state}, reason=reason)
