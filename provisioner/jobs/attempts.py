"""The way of an attempt: claim, keep, conclude. Every write of an attempt carries its fence.

Time is always the database's clock. No function here commits.
"""

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update

from provisioner.audit import service as audit
from provisioner.config import settings
from provisioner.db import Json, db
from provisioner.hosts import service as hosts
from provisioner.jobs import failures
from provisioner.jobs.lifecycle import OPEN, Cause, End, JobState, acts_on, backoff, verdict
from provisioner.jobs.models import Job
from provisioner.jobs.service import record
from provisioner.workers.service import wake

TRIES = 3  # two claimers may wish for the same slot: who gets none looks again


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
    """The answer to a heartbeat."""

    cancel_requested: bool
    past_deadline: bool


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt.

    `touched`: a task had started on the instance; `report`: what the playbook said; `stopped`: what was killed with
    a run that was stopped.
    """

    end: End
    touched: bool
    report: Json
    events_emitted: int
    stopped: Json | None = None


# Per served site and app the first few that may begin; of them all the oldest that nobody else is just taking.
# Arrays and not joins say which hosts and instances are free, so that the queue is read in the order of its index, and
# no further than to the first few.
CLAIM = text("""
    WITH open_host AS MATERIALIZED (
        SELECT host.id FROM host WHERE host.parked_at IS NULL
            AND EXISTS (SELECT FROM slot WHERE scope = 'host' AND owner_id = host.id AND number <= host.slots
                AND slot.job_id IS NULL)
            AND NOT EXISTS (SELECT FROM slot WHERE scope = 'host' AND owner_id = host.id AND number > host.slots
                AND slot.job_id IS NOT NULL)
    ), candidate AS MATERIALIZED (
        SELECT first.* FROM unnest(CAST(:sites AS text[])) AS served (site)
        CROSS JOIN app
        CROSS JOIN LATERAL (
            SELECT job.id, job.background, job.queued_at FROM job
            WHERE job.state = 'queued' AND job.site = served.site AND job.app_id = app.id
                AND (job.not_before IS NULL OR job.not_before <= clock_timestamp())
                AND job.host_id = ANY (ARRAY(SELECT id FROM open_host))
                AND job.instance_id <> ALL (ARRAY(SELECT acting.instance_id FROM job AS acting
                    WHERE acting.state IN ('running', 'quiescing')))
            ORDER BY job.background, job.queued_at, job.id LIMIT 10
        ) AS first
        WHERE EXISTS (SELECT FROM open_host)
            AND EXISTS (SELECT FROM slot WHERE scope = 'app' AND owner_id = app.id
                AND number <= (app.manifest ->> 'concurrency')::integer AND slot.job_id IS NULL)
            AND NOT EXISTS (SELECT FROM slot WHERE scope = 'app' AND owner_id = app.id
                AND number > (app.manifest ->> 'concurrency')::integer AND slot.job_id IS NOT NULL)
            AND NOT EXISTS (SELECT FROM drain WHERE scope = 'service' OR (scope, name) = ('site', served.site)
                OR (scope, name) = ('worker', :worker))
        ORDER BY first.background, first.queued_at, first.id LIMIT 20
    ), next AS MATERIALIZED (
        SELECT job.id, job.instance_id, job.app_id, job.host_id FROM job JOIN candidate USING (id)
        WHERE job.state = 'queued'
        ORDER BY job.background, job.queued_at, job.id LIMIT 1
        FOR UPDATE OF job SKIP LOCKED
    ), of_app AS MATERIALIZED (
        SELECT slot.number, slot.owner_id FROM slot JOIN next ON slot.owner_id = next.app_id
        JOIN app ON app.id = next.app_id
        WHERE slot.scope = 'app' AND slot.number <= (app.manifest ->> 'concurrency')::integer AND slot.job_id IS NULL
        ORDER BY slot.number LIMIT 1 FOR UPDATE OF slot SKIP LOCKED
    ), of_host AS MATERIALIZED (
        SELECT slot.number, slot.owner_id FROM slot JOIN next ON slot.owner_id = next.host_id
        JOIN host ON host.id = next.host_id
        WHERE slot.scope = 'host' AND slot.number <= host.slots AND slot.job_id IS NULL
        ORDER BY slot.number LIMIT 1 FOR UPDATE OF slot SKIP LOCKED
    ), granted AS MATERIALIZED (
        SELECT next.*, of_app.number AS app_slot, of_host.number AS host_slot FROM next, of_app, of_host
    ), taken AS (
        UPDATE slot SET job_id = granted.id FROM granted
        WHERE (slot.scope, slot.owner_id, slot.number) = ('app', granted.app_id, granted.app_slot)
            OR (slot.scope, slot.owner_id, slot.number) = ('host', granted.host_id, granted.host_slot)
    ), fenced AS MATERIALIZED (
        UPDATE fence SET value = value + 1 FROM granted WHERE fence.instance_id = granted.instance_id
        RETURNING fence.value
    ), begun AS (
        UPDATE job SET
            state = 'running', attempt = attempt + 1, fence = fenced.value, owner = :owner, cause = NULL,
            lease_until = clock_timestamp() + make_interval(secs => :lease),
            started_at = coalesce(started_at, clock_timestamp()),
            deadline = clock_timestamp() + make_interval(secs => timeout),
            not_before = NULL, events_emitted = 0, events_stored = 0
        FROM granted, fenced WHERE job.id = granted.id
        RETURNING job.id AS job_id, job.instance_id, job.action, job.attempt, job.fence, job.digest,
            job.administration_id
    )
    SELECT begun.*, (SELECT count(*) FROM candidate) AS candidates FROM (SELECT) AS always LEFT JOIN begun ON true
""")


def claim(worker: str, sites: list[str], process: int = 0) -> Claim | None:
    """Take the oldest job that may begin at these sites, with slots, lease and the next fence; None where none may."""
    values = {"worker": worker, "owner": f"{worker}:{process}", "sites": sites, "lease": settings().lease}
    for _ in range(TRIES):
        row = dict(db.session.execute(CLAIM, values).one()._mapping)  # noqa: SLF001 - how a row is read by name
        candidates = row.pop("candidates")
        if row["job_id"]:
            held = Claim(**row)
            _record_claim(held)
            return held
        if not candidates:
            break
    return None


def _record_claim(held: Claim) -> None:
    audit.record(
        "job.claim",
        "job",
        held.job_id,
        administration_id=held.administration_id,
        job_id=held.job_id,
        outcome=JobState.RUNNING,
        after={"attempt": held.attempt},
    )


def heartbeat(held: Claim) -> Beat:
    """Keep the lease; Fenced if the attempt is no longer the one that may act."""
    row = db.session.execute(
        _of(held)
        .values(lease_until=soon(settings().lease))
        .returning(Job.cancel_requested_at, Job.deadline < func.clock_timestamp())
    ).one_or_none()
    return _beat(row)


def look(held: Claim) -> Beat:
    """What a heartbeat would answer, without writing: cheap enough for every second."""
    row = db.session.execute(
        select(Job.cancel_requested_at, Job.deadline < func.clock_timestamp()).where(
            Job.id == held.job_id, Job.fence == held.fence, Job.state == JobState.RUNNING
        )
    ).one_or_none()
    return _beat(row)


def _beat(row: Any) -> Beat:
    if row is None:
        raise Fenced
    return Beat(cancel_requested=row[0] is not None, past_deadline=bool(row[1]))


def soon(seconds: float) -> Any:
    """So long after now, by the database's clock."""
    return func.clock_timestamp() + timedelta(seconds=seconds)


def _of(held: Claim) -> Any:
    """An UPDATE of the held job that finds no row once the fence has moved on."""
    return update(Job).where(Job.id == held.job_id, Job.fence == held.fence, Job.state == JobState.RUNNING)


def conclude(held: Claim, outcome: Outcome, *, known: bool, repeatable: bool) -> JobState:
    """End the attempt under its fence, and say in which state; Fenced if somebody else has it.

    `known`: what the instance is like now is certain; `repeatable`: another attempt can do no harm. A host that did
    not answer is parked, and the job waits for it if attempts remain.
    """
    job = _locked(held)
    job.fingerprint = None if outcome.end is End.SUCCEEDED else failures.recognised(job)
    again = repeatable and _may_try_again(job, outcome.end)
    job.state, job.cause = verdict(outcome.end, known=known, again=again)
    if job.giving_way and job.state is JobState.CANCELLED:
        job.cause = Cause.GAVE_WAY
    job.touched |= outcome.touched
    job.report, job.stopped = outcome.report, outcome.stopped
    job.events_emitted = max(outcome.events_emitted, job.events_stored)  # a worker that failed cannot say how many
    job.lease_until = None
    job.finished_at = None if job.state in OPEN else func.clock_timestamp()
    _wait(job, outcome.end, again=again)
    state = job.state
    record("job.conclude", job, outcome=state, after={"state": state, "cause": job.cause})
    wake()
    return state


def _locked(held: Claim) -> Job:
    """The held job, its row held until the end of the transaction; Fenced if the fence has moved on."""
    job = db.session.scalar(
        select(Job)
        .where(Job.id == held.job_id, Job.fence == held.fence, Job.state == JobState.RUNNING)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if job is None:
        raise Fenced
    return job


def _may_try_again(job: Job, end: End) -> bool:
    """Only a host that did not answer is tried again without asking a person."""
    return end is End.UNREACHABLE and job.attempt < job.max_attempts and job.cancel_requested_at is None


def _wait(job: Job, end: End, *, again: bool) -> None:
    """Nothing begins on the instance while what was cut off may act on, nor on a host that does not answer."""
    if acts_on(end, job.state):  # a person's retry waits for its end, too
        pause = backoff(job.attempt, random.random()) if again else 0.0  # noqa: S311 - jitter
        job.not_before = soon(settings().quiesce + pause)
    if end is End.UNREACHABLE:
        hosts.park(job.host_id)
