"""What happens to instances. Requests ask for it, jobs carry it out; here the instance itself moves."""

import secrets
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select

from provisioner.administrations.models import Administration
from provisioner.audit import service as audit
from provisioner.backups import service as backups
from provisioner.backups.told import Told
from provisioner.catalogue import parameters
from provisioner.catalogue.models import App, Release
from provisioner.db import Json, db
from provisioner.errors import Conflict, NotFound
from provisioner.instances import ending, learning, moving, secrets as instance_secrets
from provisioner.instances.lifecycle import NOTICE, STEPS, Action, Environment, Health, State, is_known
from provisioner.instances.models import Instance
from provisioner.instances.placement import Vacancies, free
from provisioner.jobs import attempts, service as jobs
from provisioner.jobs.attempts import Claim, Fenced, Outcome
from provisioner.jobs.lifecycle import End, JobState, Resolution
from provisioner.jobs.models import Job
from provisioner.workers.service import wake

TRY_AGAIN = timedelta(days=1)  # after a removal that failed before it touched anything
BACK = "back"  # what a move reports that did not succeed and left nothing elsewhere
KEPT = "previous"  # what a rotation reports that has put back the secrets of before


def _short_id() -> str:
    """Ten characters that serve as unix user, database and service name; the first is a letter."""
    alphabet = string.ascii_lowercase + string.digits
    return secrets.choice(string.ascii_lowercase) + "".join(secrets.choice(alphabet) for _ in range(9))


def held(instance_id: UUID) -> Instance:
    """The instance, its row held until the end of the transaction: acts on one instance take turns."""
    instance = db.session.scalar(select(Instance).where(Instance.id == instance_id).with_for_update(key_share=True))
    if instance is None:
        raise NotFound(kind="instance", key=instance_id)
    return instance


@dataclass(frozen=True)
class Wanted:
    """A new instance, checked and ready to be placed."""

    administration: Administration
    app: App
    release: Release
    environment: Environment
    settings: Json


def hostname(wanted: Wanted, zone: str) -> str:
    training = "-training" if wanted.environment is Environment.TRAINING else ""
    return f"{wanted.app.slug}-{wanted.administration.slug}{training}.{zone}"


def reserve(wanted: Wanted, zone: str) -> Instance:
    """Enter a planned instance, with a place and its secrets. The caller holds the administration's row."""
    spot, named = Vacancies().place(wanted.app), free(hostname(wanted, zone))
    instance = Instance(
        id=uuid4(),
        short_id=_short_id(),
        administration_id=wanted.administration.id,
        app_id=wanted.app.id,
        environment=wanted.environment,
        host_id=spot.host.id,
        port=spot.port,
        hostname=named,
        address=spot.address(named),
        state=State.PLANNED,
        desired_release_id=wanted.release.id,
        settings=wanted.settings,
        health=Health.UNKNOWN,
    )
    db.session.add(instance)
    db.session.flush()
    instance_secrets.generate(instance.id, wanted.app.manifest["secrets"])
    _record(
        instance,
        "plan",
        after={"app": wanted.app.slug, "environment": wanted.environment, "address": instance.address},
    )
    return instance


def _record(instance: Instance, act: str, **more: Any) -> None:
    audit.record(f"instance.{act}", "instance", instance.id, administration_id=instance.administration_id, **more)


def pardon(instance_id: UUID, reason: str) -> Instance:
    """A person says that what made a release fail on this instance is mended: an update may go to it again."""
    instance = held(instance_id)
    if instance.failed_release_id is None:
        raise Conflict("No release has failed on this instance.")
    failed = _version(instance.failed_release_id)
    instance.failed_release_id = None
    db.session.flush()
    _record(instance, "pardon_release", reason=reason, after={"release": failed})
    return instance


def configure(instance: Instance, app: App, given: Json) -> None:
    """Give an instance whose row the caller holds other settings; what is not given stays as it is."""
    instance.settings = parameters.changed(app.parameters, instance.settings, given)
    db.session.flush()


def _move(instance: Instance, action: Action, state: State, reason: str | None = None) -> None:
    if instance.state is not state:
        _record(instance, action, before={"state": instance.state}, after={"state": state}, reason=reason)
        instance.state = state


def _succeeded(instance: Instance, action: Action, job: Job, reason: str | None = None) -> None:
    step = STEPS[action]
    if step.applies_release:
        instance.applied_release_id, instance.failed_release_id = job.release_id, None
    if step.moves:
        moving.arrive(instance, job)
    if step.converges:
        instance.applied_settings = instance.settings
    _move(instance, action, step.afterwards or instance.state, reason)
    if action is Action.REMOVE:
        ending.certify(instance, job, reason)


def _failed(instance: Instance, action: Action, release_id: UUID, reason: str | None = None) -> None:
    step = STEPS[action]
    if step.blames_release:
        instance.failed_release_id = release_id
    if step.converges:
        _wish_no_more(instance)
    if action is Action.REMOVE and instance.removal_due_at:
        instance.removal_due_at += TRY_AGAIN
    _move(instance, action, step.on_failure or instance.state, reason)


def _keep_digest(instance: Instance, job: Job, state: JobState, *, resolved: bool) -> None:
    """What is known to be in place: all that was ordered after a success, nothing where something may be half done.

    Neither is a person's word that it succeeded enough, nor what a check found that should not be there.
    """
    step = STEPS[Action(job.action)]
    if state is JobState.SUCCEEDED and step.converges:
        instance.applied_digest = None if resolved else job.desired_digest
    elif (job.touched and not step.read_only) or _is_off(job):
        instance.applied_digest = None


def _is_off(job: Job) -> bool:
    if STEPS[Action(job.action)].on_a_copy:
        return False
    return bool(job.report.get("drift")) or job.report.get("health") == Health.UNHEALTHY


def conclude(outcomes: Mapping[Claim, Outcome]) -> dict[UUID, JobState]:
    """End the attempts of one run: jobs under their fences, and instances as the outcomes say, in one transaction.

    Returns the states of the jobs by id, without those whose fence has moved on; Fenced if it has for all.
    """
    instances = _held_all(claim.instance_id for claim in outcomes)
    locked = attempts.locked(outcomes)
    if not locked:
        raise Fenced
    now = db.session.scalars(select(func.clock_timestamp())).one()
    ended = {
        claim.job_id: _end(locked[claim.job_id], instances[claim.instance_id], outcome, now)
        for claim, outcome in outcomes.items()
        if claim.job_id in locked
    }
    wake()
    return ended


def _held_all(instance_ids: Iterable[UUID]) -> dict[UUID, Instance]:
    """The instances by id, their rows held until the end of the transaction."""
    query = (
        select(Instance)
        .where(Instance.id.in_(list(instance_ids)))
        .order_by(Instance.id)
        .with_for_update(key_share=True)
    )
    return {instance.id: instance for instance in db.session.scalars(query)}


def _end(job: Job, instance: Instance, outcome: Outcome, now: datetime) -> JobState:
    """A failed update counts as failed only if its playbook reports that the release of before serves again; else a
    person must look.
    """
    action = Action(job.action)
    outcome, told = learning.heard(instance, job, outcome)
    # What an earlier attempt left behind is known only if the action may be repeated without harm.
    untouched = not outcome.touched and (not job.touched or job.retry_safe)
    # What is healthy before the playbook has come to its end may be the new release as well as that of before.
    serving = outcome.end is End.FAILED and _serves_as_before(instance, action, outcome.report)
    known = untouched or is_known(action, failed=outcome.end is End.FAILED, serving=serving)
    repeatable = untouched or job.retry_safe
    state = attempts.conclude(job, outcome, known=known, repeatable=repeatable, now=now)
    if not STEPS[action].on_a_copy:
        learning.learn(instance, outcome.report, now)
    _enter(instance, job, told)
    _settle(instance, job, state)
    return state


def _settle(instance: Instance, job: Job, state: JobState, reason: str | None = None) -> None:
    """Let the instance follow its job to the state in which that ended."""
    action = Action(job.action)
    if state is JobState.SUCCEEDED:
        _succeeded(instance, action, job, reason)
    elif state is JobState.FAILED:
        _failed(instance, action, job.release_id, reason)
    elif state in {JobState.CANCELLED, JobState.TIMED_OUT} and STEPS[action].converges:
        _wish_no_more(instance)
    if _stays(action, state):
        ending.call_off(instance, reason)
    _keep_digest(instance, job, state, resolved=reason is not None)
    if action is Action.DRILL and state is JobState.SUCCEEDED and reason is None and job.backup_id:
        backups.prove(job, job.backup_id)


def _stays(action: Action, state: JobState) -> bool:
    """Whether a removal is off: the instance was resumed, or the suspension with which it begins did not come about."""
    if action is Action.RESUME:
        return state is JobState.SUCCEEDED
    return action is Action.SUSPEND and state in {JobState.FAILED, JobState.CANCELLED, JobState.TIMED_OUT}


def _enter(instance: Instance, job: Job, told: Told) -> None:
    """What is in the store and what has left it is known however the attempt ended."""
    if told.kept:
        backups.keep(job, instance.applied_release_id or job.release_id, told.kept)
    if told.expired:
        backups.expire(job, told.expired)


def _wish_no_more(instance: Instance) -> None:
    """What is desired is again what is there."""
    instance.desired_release_id = instance.applied_release_id or instance.desired_release_id
    instance.settings = instance.applied_settings or instance.settings


def _serves_as_before(instance: Instance, action: Action, report: Json) -> bool:
    step = STEPS[action]
    if (step.renews and report.get("secrets") != KEPT) or (step.moves and report.get("moved") != BACK):
        return False  # a healthy page does not say with which secrets, nor where
    if instance.applied_release_id is None or report.get("health") != Health.HEALTHY:
        return False
    expected = NOTICE if instance.state is State.SUSPENDED else _version(instance.applied_release_id)
    return bool(report.get("active_version") == expected)


def _version(release_id: UUID) -> str | None:
    return db.session.scalar(select(Release.version).where(Release.id == release_id))


def resolve(job_id: UUID, resolution: Resolution, reason: str) -> Job:
    """A person says how a job that needs attention ended, or that it shall be tried again."""
    instance = _held_of(job_id)
    job = jobs.locked(job_id)
    state = {
        Resolution.RETRY: JobState.QUEUED,
        Resolution.SUCCEEDED: JobState.SUCCEEDED,
        Resolution.FAILED: JobState.FAILED,
    }[resolution]
    jobs.settle(job, state, reason)
    _settle(instance, job, state, reason)
    return job


def cancel(job_id: UUID, reason: str) -> Job:
    """A person wants a job not to run, or not to run on: see `jobs.service.cancel`."""
    instance = _held_of(job_id)
    job = jobs.cancel(job_id, reason)
    _settle(instance, job, job.state, reason)
    return job


def _held_of(job_id: UUID) -> Instance:
    """The job's instance, its row held: always before the job's, so that no two wait for each other."""
    instance_id = db.session.scalar(select(Job.instance_id).where(Job.id == job_id))
    if instance_id is None:
        raise NotFound(kind="job", key=job_id)
    return held(instance_id)
