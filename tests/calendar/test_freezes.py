"""While a freeze window holds nothing changes its instances, and everything says why."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from provisioner.administrations.models import Administration
from provisioner.db import db, transaction
from provisioner.errors import Invalid
from provisioner.freezes import service
from provisioner.freezes.service import FreezeOver
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs import claiming, freezing, queries, waiting
from provisioner.jobs.freezing import NothingFrozen
from provisioner.jobs.lifecycle import Waiting
from provisioner.jobs.models import Job
from provisioner.jobs.waiting import Wait
from tests import factories
from tests.calendar.windows import HOUR, frozen, now
from tests.statements import counted


def why(job_id: UUID) -> Wait | None:
    return waiting.why(queries.detail(job_id))


def begins() -> UUID | None:
    """Which job a worker would take now."""
    with transaction(dry_run=True):
        claim = factories.claim("worker", [factories.SITE])
    return claim and claim.job_id


def events(action: str) -> list[Any]:
    rows = db.session.execute(text("SELECT reason, object_id, after FROM audit_event WHERE action = :a"), {"a": action})
    return list(rows.all())


@pytest.fixture
def job(administration: Administration) -> Job:
    """A provisioning that waits."""
    return factories.asked(administration.id)


def test_a_job_that_changes_its_instance_waits_and_says_until_when_and_why(job: Job) -> None:
    freeze = frozen("elections")

    assert begins() is None
    assert why(job.id) == Wait(Waiting.FROZEN, until=freeze.ends, explanation="elections")


def test_a_window_of_an_app_stops_its_jobs_and_no_others(administration: Administration) -> None:
    other = factories.app("open-data")
    theirs = factories.asked(administration.id, "open-data")
    free = factories.asked(factories.administration().id)
    frozen(app_id=other.id)

    assert begins() == free.id
    assert why(theirs.id).what == "open-data"


def test_a_window_of_an_administration_stops_its_jobs_and_no_others(administration: Administration) -> None:
    theirs = factories.asked(administration.id)
    free = factories.asked(factories.administration().id)
    frozen(administration_id=administration.id)

    assert begins() == free.id
    assert why(theirs.id).what == administration.slug


def test_of_several_windows_the_one_that_ends_last_is_told(job: Job) -> None:
    frozen("short")
    last = frozen("long", ends=now() + 2 * HOUR, administration_id=job.administration_id)

    assert why(job.id).until == last.ends


@pytest.mark.parametrize("background", [True, False])
def test_what_changes_nothing_goes_on(instance: Instance, *, background: bool) -> None:
    frozen()
    check = factories.asked_to(Action.CHECK, instance.id, background=background)

    assert begins() == check.id
    assert why(check.id) == Wait(Waiting.TURN)


def test_what_runs_when_a_window_begins_comes_to_its_end(job: Job) -> None:
    claim = factories.claimed()
    frozen()

    with transaction():
        factories.beaten(claim)
    factories.concluded(claim, report={"health": "healthy"})
    assert factories.job(job.id).state == "succeeded"


def test_a_job_that_lost_its_worker_waits_for_the_end_of_the_window(job: Job) -> None:
    factories.claimed()
    frozen()
    factories.reaped()
    factories.reaped()

    assert factories.job(job.id).state == "queued"
    assert begins() is None


def test_a_window_that_comes_stops_nothing_yet(job: Job) -> None:
    frozen(begins=now() + HOUR, ends=now() + 2 * HOUR)

    assert begins() == job.id
    assert why(job.id) == Wait(Waiting.TURN)


def test_when_a_window_is_over_the_jobs_go_on_by_themselves(job: Job, connection: psycopg.Connection) -> None:
    frozen()
    assert [each.waiting for each in queries.waiting_sites()] == []

    connection.execute("UPDATE freeze_window SET begins = now() - interval '2 days', ends = now() - interval '1 day'")
    db.session.rollback()

    assert [each.waiting for each in queries.waiting_sites()] == [1], "the dispatcher rings for it again"
    assert begins() == job.id


def test_the_dispatcher_rings_for_what_no_window_stops(job: Job) -> None:
    factories.asked(factories.administration().id)
    frozen(administration_id=job.administration_id)

    assert [tuple(each) for each in queries.waiting_sites()] == [(factories.SITE, 1)]


def test_a_window_ended_early_lets_its_jobs_go_on_and_is_audited(job: Job) -> None:
    freeze = frozen()
    with transaction():
        service.end(freeze.id, "the count is done")

    assert begins() == job.id
    assert [(event.reason, event.object_id) for event in events("freeze.end")] == [
        ("the count is done", str(freeze.id))
    ]
    with pytest.raises(FreezeOver), transaction():
        service.end(freeze.id, "again")


def test_a_window_is_audited_with_its_reason(job: Job) -> None:
    freeze = frozen("elections")

    [event] = events("freeze.plan")
    assert (event.reason, event.object_id, event.after["scope"]) == ("elections", str(freeze.id), "global")


@pytest.mark.parametrize(
    "wanted",
    [{"ends": now() - HOUR}, {"begins": now() + 2 * HOUR}, {"app_id": UUID(int=1), "administration_id": UUID(int=1)}],
    ids=["over already", "ends before it begins", "for two at once"],
)
def test_a_window_that_makes_no_sense_is_refused(app: Flask, wanted: dict[str, Any]) -> None:
    before = factories.row_counts()

    with pytest.raises(Invalid):
        frozen(**wanted)

    assert factories.row_counts() == before


def test_a_person_lets_one_job_through_and_that_is_audited(job: Job) -> None:
    factories.asked(factories.administration().id)
    frozen()
    with transaction():
        freezing.let_through(job.id, "a hole in the software")

    assert begins() == job.id
    assert why(job.id) == Wait(Waiting.TURN)
    assert [(event.reason, event.object_id) for event in events("job.let_through")] == [
        ("a hole in the software", str(job.id))
    ]


def test_all_jobs_of_a_request_are_let_through_and_no_others(instance: Instance) -> None:
    second = factories.instance(factories.administration(), release="1.0")
    other = factories.instance(factories.administration(), release="1.0")
    with transaction():
        which = factories.requests.Selection("complaints", [instance.id, second.id])
        request = factories.requests.ask_many(which, Action.UPDATE, "test")
        request_id = request.id
    stays = factories.asked_to(Action.UPDATE, other.id)
    frozen()

    with transaction():
        assert freezing.let_request_through(request_id, "urgent") == 2
    with transaction():
        taken = claiming.claim("worker", [factories.SITE])

    assert {claim.instance_id for claim in taken.claims} == {instance.id, second.id}
    assert why(stays.id).reason is Waiting.FROZEN


def test_a_stopped_job_is_not_taken_along_by_the_run_of_another(instance: Instance) -> None:
    other = factories.instance(factories.administration(), release="1.0")
    for each in (instance, other):
        factories.asked_to(Action.UPDATE, each.id)
    frozen(administration_id=instance.administration_id)

    with transaction():
        taken = claiming.claim("worker", [factories.SITE])

    assert [claim.instance_id for claim in taken.claims] == [other.id]


def test_what_does_not_wait_cannot_be_let_through(instance: Instance) -> None:
    check = factories.asked_to(Action.CHECK, instance.id)

    for job_id in (check.id, UUID(int=1)):
        with pytest.raises(NothingFrozen), transaction():
            freezing.let_through(job_id, "test")


def test_a_job_is_let_through_once(job: Job) -> None:
    frozen()
    with transaction():
        freezing.let_through(job.id, "urgent")

    with pytest.raises(NothingFrozen), transaction():
        freezing.let_through(job.id, "urgent")


def test_a_claim_under_windows_is_still_one_statement(job: Job) -> None:
    factories.claimed()
    factories.asked(factories.administration().id)
    with counted() as free:
        begins()
    frozen(administration_id=job.administration_id)
    with counted() as under_windows:
        begins()

    assert len(under_windows) == len(free)
