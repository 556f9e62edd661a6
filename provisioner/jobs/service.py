"""What is asked of the queue: submit a job, cancel it, settle it. How an attempt goes stands in `attempts`.

Time is always the database's clock. No function here commits.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select, text, update

from provisioner.audit import service as audit
from provisioner.db import Json, db, enter, one_of
from provisioner.errors import Conflict, NotFound
from provisioner.hosts.models import Host
from provisioner.jobs.lifecycle import LEASED, OPEN, Cause, JobState, before_it_began
from provisioner.jobs.models import Job
from provisioner.workers.service import wake

FENCES = text(
    "INSERT INTO fence (instance_id, value) SELECT unnest(CAST(:instances AS uuid[])), 0 ON CONFLICT DO NOTHING"
)


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
    desired_digest: str | None
    host_id: UUID
    site: str
    retry_safe: bool
    timeout: int
    backup_id: UUID | None = None  # that it restores
    target_host_id: UUID | None = None  # to which it moves the instance
    target_port: int | None = None  # and the port there, if it has ports
    background: bool = False  # a sweep's: only for what may be stopped anywhere
    read_only: bool = False  # no freeze window stops it


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


def holders(instance_ids: Collection[UUID], *, held: bool) -> dict[UUID, Any]:
    """The open job of each of these instances; one that is giving way holds its instance no more. `held`: their rows
    are, and the caller holds the instances'.

    Columns: id, instance_id, administration_id, action, state, background.
    """
    query = select(Job.id, Job.instance_id, Job.administration_id, Job.action, Job.state, Job.background).where(
        one_of(Job.instance_id, instance_ids), Job.state.in_(OPEN), Job.giving_way.is_(False)
    )
    rows = db.session.execute(query.order_by(Job.id).with_for_update(key_share=True) if held else query)
    return {row.instance_id: row for row in rows}


def give_way(sweeps: Sequence[Any]) -> None:
    """Let these background jobs, as `holders` tells of them, make way for what people ask for on their instances."""
    now = func.clock_timestamp()
    waiting = [job.id for job in sweeps if job.state is JobState.QUEUED]
    acting = [job.id for job in sweeps if job.state is not JobState.QUEUED]
    ended = {"state": JobState.CANCELLED, "cause": Cause.GAVE_WAY, "finished_at": now}
    asked = {"giving_way": True, "cancel_requested_at": func.coalesce(Job.cancel_requested_at, now)}
    for ids, values in ((waiting, ended), (acting, asked)):
        if ids:
            db.session.execute(update(Job).where(one_of(Job.id, ids)).values(values))
    states = {job.id: JobState.CANCELLED if job.state is JobState.QUEUED else job.state for job in sweeps}
    audit.record_each(
        "job.give_way",
        "job",
        [
            {
                "object_id": job.id,
                "administration_id": job.administration_id,
                "job_id": job.id,
                "outcome": states[job.id],
                "after": {"state": states[job.id]},
            }
            for job in sweeps
        ],
    )


def _end(job: Job, state: JobState, cause: Cause) -> None:
    job.state, job.cause, job.finished_at = state, cause, func.clock_timestamp()


def follow_hosts() -> None:
    """What waits at another site than its host goes there: somebody has changed that of the host."""
    elsewhere = (Job.host_id == Host.id, Job.state == JobState.QUEUED, Job.site != Host.site)
    left = select(Job.id).join(Host, Host.id == Job.host_id).where(*elsewhere).order_by(Job.id)
    held = left.with_for_update(of=Job, key_share=True).cte()
    following = update(Job).where(Job.id.in_(select(held)), *elsewhere).values(site=Host.site)
    db.session.execute(following, execution_options={"synchronize_session": False})


def submit(orders: Sequence[Order]) -> list[UUID]:
    """Queue an action on each of these instances; returns the ids of the jobs, in the order of the orders.

    The caller holds the instances' rows and has made way on them; a unique index stands behind.
    """
    acting = _still_acting([order.instance_id for order in orders])
    jobs = [
        {
            "id": uuid4(),
            **order.__dict__,
            "state": JobState.QUEUED,
            "not_before": acting.get(order.instance_id),
            "report": {},
        }
        for order in orders
    ]
    enter(Job, jobs)
    db.session.execute(FENCES, {"instances": [order.instance_id for order in orders]})
    audit.record_each("job.submit", "job", [_submitted(job) for job in jobs])
    wake()
    return [job["id"] for job in jobs]


def _submitted(job: Json) -> Json:
    return {
        "object_id": job["id"],
        "administration_id": job["administration_id"],
        "request_id": job["request_id"],
        "job_id": job["id"],
        "after": {"action": job["action"], "instance_id": job["instance_id"]},
    }


def _still_acting(instance_ids: Sequence[UUID]) -> dict[UUID, datetime | None]:
    """Until when attempts that were cut off may act on: nothing new begins on their instances before."""
    rows = db.session.execute(
        select(Job.instance_id, func.max(Job.not_before))
        .where(Job.not_before > func.clock_timestamp(), one_of(Job.instance_id, instance_ids))
        .group_by(Job.instance_id)
    )
    return {row[0]: row[1] for row in rows}


def locked(job_id: UUID) -> Job:
    """The job as it is now, its row held until the end of the transaction."""
    query = (
        select(Job).where(Job.id == job_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    )
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
