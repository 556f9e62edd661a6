"""The queue: every job is taken once, and only the newest attempt on an instance may write."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from provisioner.administrations.models import Administration
from provisioner.db import db, transaction
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs import events
from provisioner.jobs.attempts import Claim, Fenced
from provisioner.jobs.events import Cursor, Event
from provisioner.jobs.lifecycle import JobState
from tests import factories
from tests.threads import in_threads


def refused_as_fenced(write: Callable[[], Any]) -> None:
    with pytest.raises(Fenced), transaction():
        write()


def test_the_oldest_job_of_the_worker_s_sites_is_taken_first(administration: Administration) -> None:
    first, second = (factories.asked(factories.administration().id).id for _ in range(2))

    with transaction():
        assert factories.claim("worker", ["elsewhere"]) is None
    assert [factories.claimed().job_id, factories.claimed().job_id] == [first, second]
    with transaction():
        assert factories.claim("worker", [factories.SITE]) is None


def test_a_claim_says_who_runs_the_job_until_when_and_with_which_fence(administration: Administration) -> None:
    asked = factories.asked(administration.id)

    claim = factories.claimed("somebody", process=7)

    taken = factories.job(asked.id)
    assert (taken.state, taken.owner, taken.attempt, taken.fence) == (JobState.RUNNING, "somebody:7", 1, claim.fence)
    now = db.session.scalars(select(func.clock_timestamp())).one()
    assert None not in {taken.lease_until, taken.deadline}
    assert min(taken.lease_until, taken.deadline) > now


def test_a_job_that_another_worker_is_just_taking_is_passed_over(app: Flask, administration: Administration) -> None:
    asked = factories.asked(administration.id)
    found: list[Claim | None] = []

    with transaction():
        assert factories.claim("first", [factories.SITE])
        in_threads(app, [lambda: found.append(factories.claim("second", [factories.SITE]))])

    assert found == [None]
    assert factories.job(asked.id).owner == "first:0"


def test_many_workers_at_once_never_take_the_same_job(app: Flask, administration: Administration) -> None:
    wanted = {factories.asked(factories.administration().id).id for _ in range(8)}
    claims: list[Claim | None] = []

    def work() -> None:
        with transaction():
            claims.append(factories.claim("worker", [factories.SITE]))

    in_threads(app, [work] * 10)

    assert sorted(claim.job_id for claim in claims if claim) == sorted(wanted)
    assert len(claims) == 10


def test_a_heartbeat_prolongs_the_lease(administration: Administration) -> None:
    factories.asked(administration.id)
    claim = factories.claimed()
    before = factories.job(claim.job_id).lease_until

    with transaction():
        beat = factories.beaten(claim)

    after = factories.job(claim.job_id).lease_until
    assert after > before
    assert not beat.cancel_requested
    assert not beat.past_deadline


def test_a_heartbeat_tells_that_the_job_takes_too_long(administration: Administration) -> None:
    factories.asked(administration.id)
    claim = factories.claimed()
    with transaction() as session:
        session.execute(text("UPDATE job SET deadline = clock_timestamp() - interval '1 second'"))

    with transaction():
        assert factories.beaten(claim).past_deadline


def test_an_attempt_that_lost_its_job_to_a_newer_one_can_write_nothing(administration: Administration) -> None:
    asked = factories.asked(administration.id)
    stale = factories.claimed("slow")
    factories.reaped()
    factories.reaped()
    newer = factories.claimed("quick")
    before = factories.row_counts()

    refused_as_fenced(lambda: factories.beaten(stale))
    refused_as_fenced(lambda: factories.said(stale, [Event(1, "verbose", "late")]))
    with pytest.raises(Fenced):
        factories.concluded(stale)

    assert newer.fence == stale.fence + 1
    assert factories.row_counts() == before
    kept = factories.job(asked.id)
    assert (kept.state, kept.owner, kept.attempt) == (JobState.RUNNING, "quick:0", 2)
    assert factories.concluded(newer) is JobState.SUCCEEDED


def test_fences_of_one_instance_only_rise_from_job_to_job(instance: Instance) -> None:
    factories.asked_to(Action.CHECK, instance.id)
    first = factories.claimed()
    factories.concluded(first)
    factories.asked_to(Action.CHECK, instance.id)

    assert factories.claimed().fence == first.fence + 1


def test_a_quiescing_job_takes_no_more_writes_of_its_lost_attempt(administration: Administration) -> None:
    factories.asked(administration.id)
    claim = factories.claimed()
    factories.reaped()

    refused_as_fenced(lambda: factories.beaten(claim))
    with pytest.raises(Fenced):
        factories.concluded(claim)
    assert factories.job(claim.job_id).state is JobState.QUIESCING


def test_events_that_are_sent_twice_are_stored_once(administration: Administration) -> None:
    factories.asked(administration.id)
    claim = factories.claimed()
    said = [Event(1, "verbose", "one"), Event(2, "verbose", "two")]

    for batch in (said, said, [said[1], Event(3, "verbose", "three")]):
        with transaction():
            factories.said(claim, batch)

    stored = events.after(claim.job_id, Cursor())
    assert [(event.counter, event.stdout) for event in stored] == [(1, "one"), (2, "two"), (3, "three")]
    assert factories.job(claim.job_id).events_stored == 3


def test_the_story_is_read_on_from_any_place_through_all_attempts(administration: Administration) -> None:
    factories.asked(administration.id)
    for attempt in (1, 2):
        claim = factories.claimed()
        with transaction():
            factories.said(claim, [Event(counter, "verbose", f"{attempt}.{counter}") for counter in (1, 2)])
        factories.reaped()
        factories.reaped()

    rest = events.after(claim.job_id, Cursor.parse("1-1"))

    assert [event.stdout for event in rest] == ["1.2", "2.1", "2.2"]
    assert len(events.after(claim.job_id, Cursor.parse("nonsense"))) == 4
