"""Questions about jobs. Lists are pages; nothing here writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, true

from provisioner.catalogue.models import Release
from provisioner.db import db
from provisioner.errors import NotFound
from provisioner.freezes.queries import HOLDS
from provisioner.jobs.lifecycle import LEASED, OPEN, JobState, SlotScope
from provisioner.jobs.models import Job, Slot
from provisioner.paging import Page, PageRequest, page

# Of the table `job`: no freeze window stops it. Each part is asked once for a whole statement, and only where a job is
# met that it could stop. A CASE, in which the planner does not look for reasons to read and sort the whole queue.
UNFROZEN = f"""
    CASE WHEN job.read_only OR job.let_through THEN true ELSE NOT (
        EXISTS (SELECT FROM freeze_window AS held WHERE {HOLDS} AND held.scope = 'global')
        OR job.app_id = ANY (ARRAY(SELECT held.app_id FROM freeze_window AS held
            WHERE {HOLDS} AND held.scope = 'app'))
        OR job.administration_id = ANY (ARRAY(SELECT held.administration_id FROM freeze_window AS held
            WHERE {HOLDS} AND held.scope = 'administration'))) END
"""  # noqa: S608 - made of texts of ours


def by_id(job_id: UUID) -> Job:
    """The job; NotFound if there is none."""
    job = db.session.get(Job, job_id)
    if job is None:
        raise NotFound(kind="job", key=job_id)
    return job


def detail(job_id: UUID) -> Any:
    """All that is kept of the job, and the version of its release; NotFound if there is none."""
    query = select(*Job.__table__.columns, Release.version.label("release")).join(Release)
    row = db.session.execute(query.where(Job.id == job_id)).one_or_none()
    if row is None:
        raise NotFound(kind="job", key=job_id)
    return row


@dataclass(frozen=True)
class Filter:
    state: JobState | None = None
    instance_id: UUID | None = None
    request_id: UUID | None = None
    run: UUID | None = None  # the newest attempt of each was made by it
    fingerprint: str | None = None


def find(wanted: Filter, which: PageRequest) -> Page:
    """Jobs, newest first."""
    query = select(
        Job.id,
        Job.queued_at,
        Job.instance_id,
        Job.request_id,
        Job.run_id,
        Job.action,
        Job.state,
        Job.attempt,
        Job.cause,
        Job.started_at,
        Job.finished_at,
    )
    for column, value in (
        (Job.state, wanted.state),
        (Job.instance_id, wanted.instance_id),
        (Job.request_id, wanted.request_id),
        (Job.run_id, wanted.run),
        (Job.fingerprint, wanted.fingerprint),
    ):
        if value is not None:
            query = query.where(column == value)
    return page(query, [Job.queued_at, Job.id], which, {"list": "jobs", **wanted.__dict__}, newest_first=True)


def others_in_run(job: Any) -> int:
    """How many other jobs the run of its newest attempt carries out, or carried out, with it."""
    if job.run_id is None:
        return 0
    return db.session.scalars(select(func.count()).where(Job.run_id == job.run_id, Job.id != job.id)).one()


def open_jobs(instance_ids: Iterable[UUID]) -> dict[UUID, Any]:
    """The open job of each of these instances that has one; not the one that gives way to it."""
    rows = db.session.execute(
        select(Job.instance_id, Job.id, Job.action, Job.state).where(
            Job.instance_id.in_(list(instance_ids)), Job.state.in_(OPEN), ~Job.giving_way
        )
    )
    return {row.instance_id: row for row in rows}


def waiting_sites() -> Sequence[Any]:
    """Sites with queued jobs and how many wait there, but for those that a freeze window stops."""
    waiting = select(Job.site, func.count().label("waiting")).where(Job.state == JobState.QUEUED)
    return db.session.execute(waiting.where(text(UNFROZEN)).group_by(Job.site)).all()


def tally() -> dict[JobState, int]:
    """How many open jobs there are in each state."""
    rows = db.session.execute(
        select(Job.state, func.count().label("jobs")).where(Job.state.in_(OPEN)).group_by(Job.state)
    )
    return {row.state: row.jobs for row in rows}


def running(worker: str | None = None) -> int:
    """How many jobs are being carried out, by anybody or by this worker; those whose worker fell silent count."""
    whose = true() if worker is None else Job.owner.startswith(f"{worker}:", autoescape=True)
    return db.session.scalar(select(func.count()).where(Job.state.in_(LEASED), whose)) or 0


def runs_by_worker() -> dict[str, int]:
    """How many runs each worker has that has any; one run carries out many jobs."""
    name = func.substring(Job.owner, "^(.*):")
    runs = func.count(Job.run_id.distinct())
    rows = db.session.execute(select(name, runs).where(Job.state.in_(LEASED)).group_by(name))
    return {row[0]: row[1] for row in rows}


def acting_by_host() -> dict[UUID, int]:
    """How many slots are taken of each host that has any taken."""
    taken = select(Slot.owner_id, func.count()).where(Slot.scope == SlotScope.HOST, Slot.run_id.is_not(None))
    return {row[0]: row[1] for row in db.session.execute(taken.group_by(Slot.owner_id))}
