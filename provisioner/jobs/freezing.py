"""Letting jobs through a freeze window. No function here commits."""

from uuid import UUID

from sqlalchemy import Select, select, update

from provisioner.audit import service as audit
from provisioner.db import db, one_of
from provisioner.errors import Conflict
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.models import Job
from provisioner.workers.service import wake


class NothingFrozen(Conflict):
    code = "nothing-frozen"
    message = "No job of this waits in the queue that a freeze window could stop."


_STOPPABLE = (Job.state == JobState.QUEUED, Job.read_only.is_(False), Job.let_through.is_(False))


def let_through(job_id: UUID, reason: str) -> None:
    """Let this job begin although a window holds, or will; NothingFrozen if none could stop it."""
    _let_through(select(Job.id).where(Job.id == job_id, *_STOPPABLE), reason)


def let_request_through(request_id: UUID, reason: str) -> int:
    """The same for all jobs of a request that still wait; returns how many there were."""
    return _let_through(select(Job.id).where(Job.request_id == request_id, *_STOPPABLE), reason)


def _let_through(which: Select[UUID], reason: str) -> int:
    ids = db.session.scalars(which.order_by(Job.id).with_for_update(key_share=True)).all()
    if not ids:
        raise NothingFrozen
    passing = update(Job).where(one_of(Job.id, ids)).values(let_through=True)
    rows = db.session.execute(passing.returning(Job.id, Job.administration_id, Job.request_id))
    audit.record_each(
        "job.let_through",
        "job",
        [
            {
                "object_id": job_id,
                "administration_id": administration_id,
                "request_id": request_id,
                "job_id": job_id,
                "reason": reason,
                "after": {"let_through": True},
            }
            for job_id, administration_id, request_id in rows
        ],
    )
    wake()
    return len(ids)
