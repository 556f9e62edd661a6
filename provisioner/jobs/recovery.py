"""What is done about attempts that nobody keeps any more: after a lost lease, and after a restore of the database."""

from sqlalchemy import func, select, text

from provisioner.audit import service as audit
from provisioner.config import settings
from provisioner.db import db
from provisioner.jobs.attempts import soon
from provisioner.jobs.lifecycle import LEASED, OPEN, Cause, JobState, after_quiesce
from provisioner.jobs.models import Job
from provisioner.jobs.service import end_before_it_begins, record
from provisioner.workers.service import wake

AT_ONCE = 100
LEAP = 1_000_000  # higher than any fence given out since the backup was taken


def reap() -> int:
    """Move jobs whose lease has run out one step on; any number of reapers may run. Returns how many it moved."""
    expired = db.session.scalars(
        select(Job)
        .where(Job.lease_until.is_not(None), Job.lease_until < func.clock_timestamp())
        .order_by(Job.lease_until)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    for job in expired:
        if job.state is JobState.RUNNING:
            _quiesce(job)
        else:
            _after_quiesce(job)
        after = {"state": job.state, "cause": job.cause, "attempt": job.attempt}
        record("job.reap", job, outcome=job.state, after=after)
    if expired:
        wake()
    return len(expired)


def _quiesce(job: Job) -> None:
    job.state = JobState.QUIESCING
    job.touched |= job.begun  # for all we know
    job.cause = Cause.LEASE_LOST
    job.lease_until = soon(settings().quiesce)


def _after_quiesce(job: Job) -> None:
    job.lease_until = None
    if not job.begun:
        _put_back(job)
        return
    job.state, job.cause = after_quiesce(
        retry_safe=job.retry_safe,
        attempt=job.attempt,
        max_attempts=job.max_attempts,
        cancelled=job.cancel_requested_at is not None,
        background=job.background,
    )
    if job.giving_way:
        job.cause = Cause.GAVE_WAY
    if job.state not in OPEN:
        job.finished_at = func.clock_timestamp()


def _put_back(job: Job) -> None:
    """Its run was lost before its turn in it had come: as if it had never been taken."""
    if job.cancel_requested_at is None:
        job.state, job.cause = JobState.QUEUED, Cause.NOT_BEGUN
        job.max_attempts += 1
    else:
        end_before_it_begins(job)


HERE = text(
    "SELECT system_identifier, oid::bigint FROM pg_control_system(), pg_database WHERE datname = current_database()"
)


def recover_if_restored() -> int | None:
    """Recover if these rows come from another database than the one they are in; None if they do not.

    A restore over the very same database cannot be told from here: then a person says so.
    """
    here = db.session.execute(HERE).one()
    known = db.session.execute(text("SELECT system_identifier, database_oid FROM origin FOR UPDATE")).one_or_none()
    if known == here:
        return None
    db.session.execute(
        text(
            "INSERT INTO origin (system_identifier, database_oid) VALUES (:system, :oid) ON CONFLICT (one) DO UPDATE"
            " SET system_identifier = excluded.system_identifier, database_oid = excluded.database_oid"
        ),
        {"system": here[0], "oid": here[1]},
    )
    return None if known is None else recover("The database is not the one in which these rows were written.")


def recover(reason: str) -> int:
    """After a restore from a backup: nobody knows what happened since to the jobs that it shows as going on.

    All of them need a person, as do the waiting ones that may not run twice; fences leap, so that no host takes an
    attempt of before for a newer one; what is in place on any instance is not known. Returns how many jobs need
    attention now.
    """
    unsure = db.session.scalars(
        select(Job)
        .where(Job.state.in_(LEASED) | ((Job.state == JobState.QUEUED) & Job.retry_safe.is_(False)))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    for job in unsure:
        if job.background:  # it changed nothing, and must not keep people waiting
            job.state, job.finished_at = JobState.CANCELLED, func.clock_timestamp()
        else:
            job.state = JobState.NEEDS_ATTENTION
        job.cause, job.lease_until = Cause.RESTORED, None
        record("job.recover", job, outcome=job.state, after={"state": job.state})
    db.session.execute(text("UPDATE fence SET value = value + :leap"), {"leap": LEAP})
    db.session.execute(text("UPDATE instance SET applied_digest = NULL, version = version + 1"))
    audit.record("service.recover", "service", "jobs", after={"jobs": len(unsure)}, reason=reason)
    return len(unsure)
