"""How jobs end, what that makes of their instances, and what people can say about it."""

from typing import Any

import pytest
from sqlalchemy import select

from provisioner.administrations.models import Administration
from provisioner.audit.models import AuditEvent
from provisioner.db import db, transaction
from provisioner.errors import Conflict
from provisioner.instances import service as instances
from provisioner.instances.lifecycle import Action, State
from provisioner.instances.models import Instance
from provisioner.jobs.attempts import Fenced
from provisioner.jobs.lifecycle import Cause, End, JobState, Resolution
from provisioner.jobs.models import Job
from tests import factories


def test_a_job_is_concluded_only_once(administration: Administration) -> None:
    asked = factories.asked(administration.id)
    claim = factories.claimed()
    assert factories.concluded(claim) is JobState.SUCCEEDED
    before = factories.row_counts()

    with pytest.raises(Fenced):
        factories.concluded(claim, End.FAILED)

    assert factories.row_counts() == before
    assert factories.job(asked.id).state is JobState.SUCCEEDED
    assert db.session.get_one(Instance, asked.instance_id).state is State.ACTIVE


def test_a_failed_first_provisioning_is_kept_and_can_be_tried_again(administration: Administration) -> None:
    asked = factories.asked(administration.id)

    assert factories.carried_out(End.FAILED) is JobState.FAILED

    failed = db.session.get_one(Instance, asked.instance_id)
    assert (failed.state, failed.applied_release_id, failed.failed_release_id) == (
        State.FAILED,
        None,
        asked.release_id,
    )
    factories.asked_to(Action.PROVISION, failed.id)
    assert factories.carried_out() is JobState.SUCCEEDED
    assert (failed.state, failed.failed_release_id) == (State.ACTIVE, None)


def test_a_failed_update_that_went_back_leaves_the_instance_on_its_release(instance: Instance) -> None:
    before = instance.applied_release_id
    update = factories.asked_to(Action.UPDATE, instance.id)

    state = factories.carried_out(End.FAILED, {"health": "healthy", "active_version": "1.0"})

    assert state is JobState.FAILED
    assert (instance.state, instance.applied_release_id, instance.desired_release_id) == (State.ACTIVE, before, before)
    assert instance.failed_release_id == update.release_id


@pytest.mark.parametrize("report", [{}, {"active_version": "2.0"}])
def test_a_failed_update_that_does_not_prove_it_went_back_waits_for_a_person(instance: Instance, report: Any) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)

    assert factories.carried_out(End.FAILED, report) is JobState.NEEDS_ATTENTION
    assert factories.job(update.id).finished_at is None


@pytest.mark.parametrize(
    ("end", "touched", "state"),
    [
        (End.CANCELLED, False, JobState.CANCELLED),
        (End.CANCELLED, True, JobState.NEEDS_ATTENTION),
        (End.DEADLINE, False, JobState.TIMED_OUT),
        (End.DEADLINE, True, JobState.NEEDS_ATTENTION),
        (End.UNREACHABLE, False, JobState.QUEUED),
        (End.UNREACHABLE, True, JobState.NEEDS_ATTENTION),
        (End.BROKEN, True, JobState.NEEDS_ATTENTION),
    ],
)
def test_an_update_that_was_cut_short_is_certain_only_if_nothing_was_touched(
    instance: Instance, end: End, state: JobState, *, touched: bool
) -> None:
    factories.asked_to(Action.UPDATE, instance.id)

    assert factories.concluded(factories.claimed(), end, touched=touched) is state


@pytest.mark.parametrize("end", [End.CANCELLED, End.DEADLINE, End.BROKEN])
@pytest.mark.parametrize("state", [State.ACTIVE, State.SUSPENDED])
def test_what_answers_as_before_proves_nothing_where_the_playbook_did_not_come_to_its_end(
    instance: Instance, state: State, end: End
) -> None:
    with transaction():
        instance.state = state
    job = factories.asked_to(Action.UPDATE, instance.id)
    report = {"health": "healthy", "active_version": "notice" if state is State.SUSPENDED else "1.0"}

    factories.carried_out(end, report)

    assert factories.job(job.id).state is JobState.NEEDS_ATTENTION


def test_a_check_may_be_cut_short_anywhere(instance: Instance) -> None:
    factories.asked_to(Action.CHECK, instance.id)

    assert factories.concluded(factories.claimed(), End.CANCELLED, touched=True) is JobState.CANCELLED
    assert instance.state is State.ACTIVE


def test_a_queued_job_is_cancelled_at_once_and_frees_the_instance(instance: Instance) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)

    with transaction():
        instances.cancel(update.id, "wrong day")

    assert (factories.job(update.id).state, factories.job(update.id).cause) == (JobState.CANCELLED, Cause.CANCELLED)
    with transaction():
        assert factories.claim("worker", [factories.SITE]) is None
    assert factories.asked_to(Action.CHECK, instance.id).state is JobState.QUEUED


def test_a_running_job_hears_of_its_cancellation_with_the_next_heartbeat(instance: Instance) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)
    claim = factories.claimed()

    with transaction():
        instances.cancel(update.id, "wrong day")

    assert factories.job(update.id).state is JobState.RUNNING
    with transaction():
        assert factories.beaten(claim).cancel_requested


def test_a_cancelled_update_is_no_longer_wished_for(instance: Instance) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)
    assert instance.desired_release_id == update.release_id

    with transaction():
        instances.cancel(update.id, "wrong day")

    assert instance.desired_release_id == instance.applied_release_id


def test_what_has_ended_cannot_be_cancelled(administration: Administration) -> None:
    asked = factories.asked(administration.id)
    factories.carried_out()

    with pytest.raises(Conflict), transaction():
        instances.cancel(asked.id, "too late")


@pytest.fixture
def stuck(instance: Instance) -> Job:
    """An update whose outcome is unknown."""
    update = factories.asked_to(Action.UPDATE, instance.id)
    factories.carried_out(End.FAILED, {})
    return factories.job(update.id)


def test_an_attempt_that_touches_nothing_does_not_clear_up_what_the_one_before_left(stuck: Job) -> None:
    resolved(stuck, Resolution.RETRY)

    assert factories.concluded(factories.claimed(), End.BROKEN, touched=False) is JobState.NEEDS_ATTENTION


def test_cancelling_a_second_attempt_that_waits_still_needs_a_person(stuck: Job) -> None:
    resolved(stuck, Resolution.RETRY)

    with transaction():
        instances.cancel(stuck.id, "not now")

    assert (factories.job(stuck.id).state, factories.job(stuck.id).cause) == (
        JobState.NEEDS_ATTENTION,
        Cause.CANCELLED,
    )


def test_a_release_of_before_that_answers_but_is_not_healthy_is_not_back(instance: Instance) -> None:
    factories.asked_to(Action.UPDATE, instance.id)

    report = {"health": "unhealthy", "active_version": "1.0"}
    assert factories.carried_out(End.FAILED, report) is JobState.NEEDS_ATTENTION


def resolved(stuck: Job, resolution: Resolution) -> Job:
    with transaction():
        return instances.resolve(stuck.id, resolution, "I looked")


def test_a_person_can_have_the_job_run_once_more(stuck: Job) -> None:
    resolved(stuck, Resolution.RETRY)

    claim = factories.claimed()
    assert (claim.job_id, claim.attempt) == (stuck.id, 2)
    assert factories.concluded(claim) is JobState.SUCCEEDED
    assert db.session.get_one(Instance, stuck.instance_id).applied_release_id == stuck.release_id


def test_a_person_can_say_that_it_succeeded(stuck: Job, instance: Instance) -> None:
    resolved(stuck, Resolution.SUCCEEDED)

    assert (factories.job(stuck.id).state, factories.job(stuck.id).cause) == (JobState.SUCCEEDED, Cause.RESOLVED)
    assert (instance.applied_release_id, instance.state) == (stuck.release_id, State.ACTIVE)


def test_a_person_can_say_that_it_failed(stuck: Job, instance: Instance) -> None:
    before = instance.applied_release_id

    resolved(stuck, Resolution.FAILED)

    assert factories.job(stuck.id).state is JobState.FAILED
    assert (instance.applied_release_id, instance.desired_release_id) == (before, before)
    assert instance.failed_release_id == stuck.release_id


def test_a_decision_is_kept_with_its_reason(stuck: Job) -> None:
    resolved(stuck, Resolution.FAILED)

    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "job.resolve")).one()
    assert (event.object_id, event.reason, event.outcome) == (str(stuck.id), "I looked", "failed")


def test_a_job_that_needs_no_attention_takes_no_decision(instance: Instance) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)

    with pytest.raises(Conflict):
        resolved(update, Resolution.SUCCEEDED)
    assert factories.job(update.id).state is JobState.QUEUED
