"""A host that does not answer: its jobs wait for it, those of other hosts go on, and a probe finds it again."""

import pytest
from sqlalchemy import func, select, text

from provisioner.administrations.models import Administration
from provisioner.db import db, transaction
from provisioner.hosts import queries as hosts, service as breaker
from provisioner.hosts.models import Host
from provisioner.instances import service as instances
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs.attempts import Claim
from provisioner.jobs.lifecycle import LONGEST_PAUSE, Cause, End, JobState, Resolution, backoff
from tests import factories


def next_claim() -> Claim | None:
    with transaction():
        return factories.claim("worker", [factories.SITE])


def host() -> Host:
    db.session.rollback()
    return hosts.by_name("server")


def found_again() -> None:
    """A probe falls due, and the host answers it."""
    with transaction() as session:
        session.execute(text("UPDATE host SET probe_at = clock_timestamp() WHERE probe_at IS NOT NULL"))
    with transaction():
        [parked] = breaker.take_probes([factories.SITE])
    with transaction():
        breaker.reopen(parked.id)


def test_an_attempt_that_could_not_reach_its_host_is_made_again_later(instance: Instance) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)

    assert factories.concluded(factories.claimed(), End.UNREACHABLE, touched=False) is JobState.QUEUED

    kept = factories.job(update.id)
    assert (kept.cause, kept.attempt, kept.finished_at) == (Cause.UNREACHABLE, 1, None)
    assert kept.not_before > db.session.scalars(select(func.clock_timestamp())).one()
    found_again()
    assert next_claim() is None, "the pause is not over"
    factories.rested()
    assert factories.claimed().attempt == 2


def test_a_host_that_does_not_answer_is_parked_and_only_its_jobs_wait(administration: Administration) -> None:
    first = factories.asked(administration.id)
    factories.concluded(factories.claimed(), End.UNREACHABLE, touched=False)
    behind = factories.asked(factories.administration().id)
    factories.host("other", ports=(30000, 30999))
    other = factories.asked(factories.administration().id)  # goes to the one that answers
    factories.rested()

    assert host().parked_at is not None
    claim = next_claim()
    assert claim
    assert (claim.job_id, next_claim()) == (other.id, None)
    found_again()
    assert host().parked_at is None
    assert {factories.claimed().job_id, factories.claimed().job_id} == {first.id, behind.id}


def test_a_parked_host_is_looked_at_by_one_prober_at_a_time_and_only_at_its_site(instance: Instance) -> None:
    with transaction():
        breaker.park(instance.host_id)
    assert hosts.to_probe() == []
    with transaction() as session:
        session.execute(text("UPDATE host SET probe_at = clock_timestamp()"))

    assert hosts.to_probe() == [factories.SITE]
    with transaction():
        assert breaker.take_probes(["elsewhere"]) == []
        assert len(breaker.take_probes([factories.SITE])) == 1
    with transaction():
        assert breaker.take_probes([factories.SITE]) == []


def test_a_host_that_is_never_found_again_fails_the_job_when_its_attempts_are_used_up(instance: Instance) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)
    for _ in range(update.max_attempts):
        state = factories.concluded(factories.claimed(), End.UNREACHABLE, touched=False)
        if state is JobState.QUEUED:
            found_again()
            factories.rested()

    assert (state, factories.job(update.id).cause) == (JobState.FAILED, Cause.UNREACHABLE)
    assert instance.desired_release_id == instance.applied_release_id


def test_a_job_that_is_to_be_cancelled_is_not_tried_again(administration: Administration) -> None:
    asked = factories.asked(administration.id)
    claim = factories.claimed()
    with transaction():
        factories.instances.cancel(asked.id, "test")

    assert factories.concluded(claim, End.UNREACHABLE, touched=False) is JobState.FAILED


@pytest.mark.parametrize(("retry_safe", "state"), [(True, JobState.QUEUED), (False, JobState.NEEDS_ATTENTION)])
def test_a_line_lost_in_the_middle_is_tried_again_only_where_that_is_safe(
    instance: Instance, state: JobState, *, retry_safe: bool
) -> None:
    factories.asked_to(Action.CHECK if retry_safe else Action.UPDATE, instance.id)

    assert factories.concluded(factories.claimed(), End.UNREACHABLE, touched=True) is state


def test_pauses_grow_are_spread_and_have_an_end() -> None:
    assert [backoff(attempt, 0.5) for attempt in (1, 2, 3)] == [15, 30, 60]
    assert backoff(1, 0) < backoff(1, 1)
    assert backoff(50, 1) == 1.5 * LONGEST_PAUSE


@pytest.mark.parametrize("end", [End.UNREACHABLE, End.CANCELLED, End.DEADLINE])
def test_a_person_s_retry_waits_until_nothing_of_what_was_cut_off_can_act(instance: Instance, end: End) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)
    assert factories.concluded(factories.claimed(), end) is JobState.NEEDS_ATTENTION
    with transaction():
        instances.resolve(update.id, Resolution.RETRY, "it is back")
        breaker.reopen(update.host_id)

    assert next_claim() is None
    factories.rested()
    assert factories.claimed().attempt == 2


def test_the_next_job_waits_until_nothing_of_what_was_cut_off_can_act(administration: Administration) -> None:
    provision = factories.asked(administration.id)
    assert factories.concluded(factories.claimed(), End.UNREACHABLE) is JobState.QUEUED
    with transaction():
        instances.cancel(provision.id, "not now")
        breaker.reopen(provision.host_id)
    again = factories.asked_to(Action.PROVISION, provision.instance_id)

    assert next_claim() is None
    factories.rested()
    assert factories.claimed().job_id == again.id


def test_a_check_that_was_stopped_leaves_nothing_to_wait_for(instance: Instance) -> None:
    factories.asked_to(Action.CHECK, instance.id)
    factories.concluded(factories.claimed(), End.CANCELLED)

    factories.asked_to(Action.CHECK, instance.id)

    assert next_claim()


def test_a_host_that_does_not_let_us_in_is_not_tried_again_and_others_may_try(instance: Instance) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)

    assert factories.concluded(factories.claimed(), End.NOT_ADMITTED, touched=False) is JobState.FAILED

    assert factories.job(update.id).cause == Cause.NOT_ADMITTED
    assert host().parked_at is None


def test_a_run_killed_for_its_memory_leaves_what_it_had_begun_to_a_person(instance: Instance) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)

    assert factories.concluded(factories.claimed(), End.OUT_OF_MEMORY) is JobState.NEEDS_ATTENTION

    assert factories.job(update.id).cause == Cause.OUT_OF_MEMORY
