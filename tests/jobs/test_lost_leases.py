"""A worker that falls silent loses its job: it runs again where that is safe, else a person decides."""

import pytest

from provisioner.administrations.models import Administration
from provisioner.db import transaction
from provisioner.errors import OperationInProgress
from provisioner.instances import service as instances
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs import recovery
from provisioner.jobs.lifecycle import Cause, End, JobState, Resolution
from tests import factories


def test_a_lost_retry_safe_job_is_given_time_to_die_and_then_queued_again(administration: Administration) -> None:
    asked = factories.asked(administration.id)
    factories.claimed()

    assert factories.reaped() == 1
    assert (factories.job(asked.id).state, factories.job(asked.id).cause) == (JobState.QUIESCING, Cause.LEASE_LOST)
    with transaction():
        assert recovery.reap() == 0, "it is left alone while what it started may still act"
    assert factories.reaped() == 1
    assert factories.job(asked.id).state is JobState.QUEUED
    assert factories.claimed().attempt == 2


def test_a_lost_job_that_is_not_retry_safe_waits_for_a_person(instance: Instance) -> None:
    asked = factories.asked_to(Action.UPDATE, instance.id)
    factories.claimed()
    factories.reaped()
    factories.reaped()

    assert factories.job(asked.id).state is JobState.NEEDS_ATTENTION
    with pytest.raises(OperationInProgress) as refused:
        factories.asked_to(Action.CHECK, instance.id)
    assert refused.value.details["job_id"] == str(asked.id)


def test_a_job_that_is_lost_again_and_again_waits_for_a_person(administration: Administration) -> None:
    asked = factories.asked(administration.id)
    for _ in range(asked.max_attempts):
        factories.claimed()
        factories.reaped()
        factories.reaped()

    assert (factories.job(asked.id).state, factories.job(asked.id).attempt) == (JobState.NEEDS_ATTENTION, 3)


def test_a_lost_job_that_was_to_be_cancelled_is_not_started_again(administration: Administration) -> None:
    asked = factories.asked(administration.id)
    factories.claimed()
    with transaction():
        instances.cancel(asked.id, "no longer wanted")
    factories.reaped()
    factories.reaped()

    assert factories.job(asked.id).state is JobState.NEEDS_ATTENTION


def test_a_worker_that_keeps_its_lease_is_never_reaped(administration: Administration) -> None:
    asked = factories.asked(administration.id)
    factories.claimed()

    with transaction():
        assert recovery.reap() == 0
    assert factories.job(asked.id).state is JobState.RUNNING


@pytest.mark.parametrize("resolution", [Resolution.RETRY, Resolution.FAILED])
def test_what_a_person_decides_on_begins_only_when_nothing_of_what_was_cut_off_can_act(
    instance: Instance, resolution: Resolution
) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)
    assert factories.concluded(factories.claimed(), End.BROKEN) is JobState.NEEDS_ATTENTION
    with transaction():
        instances.resolve(update.id, resolution, "looked at it")
    if resolution is Resolution.FAILED:
        factories.asked_to(Action.CHECK, instance.id)

    with transaction():
        assert factories.claim("worker", [factories.SITE]) is None
    factories.rested()
    assert factories.claimed()


def test_a_job_whose_worker_was_lost_can_still_be_cancelled(administration: Administration) -> None:
    asked = factories.asked(administration.id)
    factories.claimed()
    factories.reaped()
    with transaction():
        instances.cancel(asked.id, "no longer wanted")

    factories.reaped()

    assert factories.job(asked.id).state is JobState.NEEDS_ATTENTION
