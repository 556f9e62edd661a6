"""People first: what a sweep asked for waits behind them, and is stopped for them."""

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.administrations.models import Administration
from provisioner.db import transaction
from provisioner.errors import Conflict, OperationInProgress
from provisioner.instances import service as instances
from provisioner.instances.lifecycle import Action, State
from provisioner.instances.models import Instance
from provisioner.jobs import queries
from provisioner.jobs.lifecycle import Cause, End, JobState
from provisioner.jobs.models import Job
from tests import factories
from tests.factories import Api


def swept(instance: Instance) -> Job:
    return factories.asked_to(Action.CHECK, instance.id, background=True)


def facts(job: Job) -> tuple[JobState, str | None]:
    kept = factories.job(job.id)
    return kept.state, kept.cause


def test_a_job_of_a_person_is_taken_before_older_ones_of_a_sweep(instance: Instance) -> None:
    swept(instance)
    asked = factories.asked(factories.administration().id)

    assert factories.claimed().job_id == asked.id


def test_a_queued_check_of_a_sweep_is_cancelled_for_a_person(instance: Instance) -> None:
    check = swept(instance)

    update = factories.asked_to(Action.UPDATE, instance.id)

    assert facts(check) == (JobState.CANCELLED, Cause.GAVE_WAY)
    assert factories.claimed().job_id == update.id


def test_a_running_check_of_a_sweep_is_stopped_for_a_person_whose_job_begins_only_then(instance: Instance) -> None:
    check = swept(instance)
    claim = factories.claimed()

    update = factories.asked_to(Action.UPDATE, instance.id)

    with transaction():
        assert factories.beaten(claim).cancel_requested
        assert factories.claim("worker", [factories.SITE]) is None, "the check may still be acting"
    assert factories.concluded(claim, End.CANCELLED) is JobState.CANCELLED
    assert facts(check) == (JobState.CANCELLED, Cause.GAVE_WAY)
    assert factories.claimed().job_id == update.id
    assert instance.desired_release_id == update.release_id, "what the person wished is not taken back"


def test_a_check_that_ends_before_it_could_be_stopped_has_simply_succeeded(instance: Instance) -> None:
    check = swept(instance)
    claim = factories.claimed()
    update = factories.asked_to(Action.UPDATE, instance.id)

    factories.concluded(claim)

    assert facts(check) == (JobState.SUCCEEDED, None)
    assert factories.claimed().job_id == update.id


def test_a_check_that_gives_way_and_loses_its_lease_needs_nobody(instance: Instance) -> None:
    check = swept(instance)
    factories.claimed()
    update = factories.asked_to(Action.UPDATE, instance.id)

    factories.reaped()
    with transaction():
        assert factories.claim("worker", [factories.SITE]) is None, "what it started may still act"
    factories.reaped()

    assert facts(check) == (JobState.CANCELLED, Cause.GAVE_WAY)
    assert factories.claimed().job_id == update.id


def test_a_check_that_is_lost_for_good_locks_nobody_out(instance: Instance) -> None:
    check = swept(instance)
    for _ in range(check.max_attempts):
        factories.claimed()
        factories.reaped()
        factories.reaped()

    assert facts(check) == (JobState.FAILED, Cause.LEASE_LOST)
    assert factories.asked_to(Action.UPDATE, instance.id).state is JobState.QUEUED


def test_only_one_job_can_wait_behind_a_check_that_gives_way(instance: Instance) -> None:
    swept(instance)
    factories.claimed()
    update = factories.asked_to(Action.UPDATE, instance.id)

    with pytest.raises(OperationInProgress) as refused:
        factories.asked_to(Action.CHECK, instance.id)

    assert refused.value.details["job_id"] == str(update.id)


@pytest.mark.parametrize("first", [True, False])
def test_a_sweep_gives_way_and_never_pushes(instance: Instance, *, first: bool) -> None:
    factories.asked_to(Action.CHECK, instance.id, background=first)

    with pytest.raises(OperationInProgress):
        swept(instance)


def test_what_changes_an_instance_cannot_be_a_sweep_s(instance: Instance) -> None:
    with pytest.raises(Conflict, match="in the background"):
        factories.asked_to(Action.UPDATE, instance.id, background=True)


def test_a_person_s_own_check_does_not_give_way(instance: Instance, administration: Administration) -> None:
    factories.asked_to(Action.CHECK, instance.id)

    with pytest.raises(OperationInProgress):
        factories.asked_to(Action.UPDATE, instance.id)


def test_a_cancelled_check_leaves_the_wish_for_a_release_alone(instance: Instance) -> None:
    check = factories.asked_to(Action.CHECK, instance.id)

    with transaction():
        instances.cancel(check.id, "test")

    assert instance.state is State.ACTIVE
    assert instance.desired_release_id == instance.applied_release_id


def test_an_instance_is_shown_once_with_the_job_of_the_person_while_a_check_gives_way(
    app: Flask, instance: Instance
) -> None:
    api = Api(app, Role.VIEWER)
    swept(instance)
    factories.claimed()

    update = factories.asked_to(Action.UPDATE, instance.id)

    assert api.get(f"/instances/{instance.id}").json["activity"]["job_id"] == str(update.id)
    assert [row["activity"]["job_id"] for row in api.get("/instances").json["items"]] == [str(update.id)]
    assert queries.open_jobs([instance.id])[instance.id].id == update.id
