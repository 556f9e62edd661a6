"""One run carries out many jobs, and each of them ends for itself."""

from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select

from provisioner.db import db, transaction
from provisioner.instances import service as instances
from provisioner.instances.lifecycle import Action
from provisioner.jobs import attempts, claiming, recovery
from provisioner.jobs.attempts import Claim, Outcome
from provisioner.jobs.claiming import Batch
from provisioner.jobs.lifecycle import End, JobState
from provisioner.jobs.models import Job, Slot
from tests import factories
from tests.statements import counted


def batch(most: int = claiming.BATCH) -> Batch:
    with transaction():
        taken = claiming.claim("worker", [factories.SITE], most=most)
    assert taken, "no job was waiting"
    return taken


def asked(many: int, app: str = "complaints", **more: Any) -> list[UUID]:
    return [factories.asked(factories.administration().id, app, **more).id for _ in range(many)]


def outcome(end: End = End.SUCCEEDED, *, touched: bool = True) -> Outcome:
    return Outcome(end, touched=touched, report={}, events_emitted=0)


def begun(*claims: Claim) -> None:
    with transaction():
        attempts.begin(claims)


def states(of: Batch) -> list[str]:
    db.session.expire_all()
    return [db.session.get_one(Job, claim.job_id).state for claim in of.claims]


def taken() -> int:
    db.session.rollback()
    return db.session.scalars(select(func.count()).where(Slot.run_id.is_not(None))).one()


def test_jobs_of_the_same_kind_go_into_one_run_in_the_order_of_the_queue(app: Flask) -> None:
    factories.host()
    factories.app()
    ids = asked(4)

    found = batch(most=3)

    assert [claim.job_id for claim in found.claims] == ids[:3]
    assert [claim.job_id for claim in batch().claims] == ids[3:]


@pytest.mark.parametrize("other", ["app", "release", "host", "action", "playbooks", "background"])
def test_what_differs_goes_into_a_run_of_its_own(app: Flask, other: str) -> None:
    factories.host("one", (20000, 20999))
    factories.app("complaints")
    factories.app("open-data")
    first, second = (factories.instance(factories.administration(), release="1.0") for _ in range(2))
    if other == "host":
        with transaction() as session:
            second.host_id = factories.host("two", (21000, 21999)).id
            session.add(second)
    ids = {factories.asked_to(Action.UPDATE, first.id, "2.0").id}
    if other == "app":
        ids.add(factories.asked(factories.administration().id, "open-data").id)
    elif other == "release":
        ids.add(factories.asked(factories.administration().id, release="1.0").id)
    elif other in {"action", "background"}:
        ids.add(factories.asked_to(Action.CHECK, second.id, background=other == "background").id)
    else:
        ids.add(factories.asked_to(Action.UPDATE, second.id, "2.0").id)
    if other == "playbooks":
        with transaction() as session:
            session.get_one(Job, max(ids)).digest = "changed"

    runs = [batch(), batch()]

    assert {claim.job_id for run in runs for claim in run.claims} == ids


def test_a_run_acts_on_as_many_at_once_as_half_of_the_free_slots_allow(app: Flask) -> None:
    factories.host(slots=5)
    factories.app("complaints", concurrency=4)
    asked(6)

    first = batch(most=4)

    assert (len(first.claims), first.forks, taken()) == (4, 2, 4)
    assert batch(most=1).forks == 1, "whoever comes next finds a slot"


def test_what_may_not_be_repeated_goes_in_small_groups(app: Flask) -> None:
    factories.host()
    factories.app()
    many = [factories.instance(factories.administration(), release="1.0") for _ in range(claiming.UNREPEATABLE + 2)]
    for instance in many:
        factories.asked_to(Action.UPDATE, instance.id, "2.0")

    assert [len(batch().claims), len(batch().claims)] == [claiming.UNREPEATABLE, 2]


def test_each_job_ends_as_its_own_instance_did(app: Flask) -> None:
    factories.host()
    factories.app()
    asked(3)
    found = batch()
    ends = [outcome(), outcome(End.FAILED), outcome(End.NOT_BEGUN, touched=False)]

    with transaction():
        instances.conclude(dict(zip(found.claims, ends, strict=True)))

    assert states(found) == ["succeeded", "failed", "queued"]


def test_slots_come_back_with_the_last_job_of_a_run_and_not_before(app: Flask) -> None:
    factories.host()
    factories.app()
    asked(2)
    first, second = batch().claims

    factories.concluded(first)
    held = taken()
    factories.concluded(second)

    assert (held, taken()) == (2 * 2, 0)


def test_of_a_lost_run_only_what_had_begun_may_be_half_done(app: Flask) -> None:
    factories.host()
    factories.app()
    for instance in [factories.instance(factories.administration(), release="1.0") for _ in range(3)]:
        factories.asked_to(Action.UPDATE, instance.id, "2.0")
    found = batch()
    begun(found.claims[0])

    factories.reaped()
    factories.reaped()

    assert states(found) == ["needs_attention", "queued", "queued"]
    assert [claim.job_id for claim in batch().claims] == [claim.job_id for claim in found.claims[1:]]


def test_who_was_lost_after_it_had_begun_goes_alone(app: Flask) -> None:
    factories.host()
    factories.app()
    ids = asked(3)
    begun(batch(most=1).claims[0])

    factories.reaped()
    factories.reaped()
    runs = [batch(), batch()]

    assert [[claim.job_id for claim in run.claims] for run in runs] == [ids[:1], ids[1:]]


def test_a_job_that_is_cancelled_before_its_turn_never_has_it(app: Flask) -> None:
    factories.host()
    factories.app()
    asked(2)
    first, second = batch().claims
    with transaction():
        instances.cancel(second.job_id, "test")

    with transaction():
        admitted = attempts.begin([first, second])
    with transaction():
        instances.conclude({second: outcome(End.NOT_BEGUN, touched=False)})

    assert admitted == {first.job_id}
    assert factories.job(second.job_id).state is JobState.CANCELLED


def test_time_runs_for_a_job_when_its_turn_has_come(app: Flask) -> None:
    factories.host(slots=1)
    factories.app()
    asked(3)
    found = batch()
    waits = db.session.scalar(select(func.max(Job.deadline - Job.started_at)))

    begun(found.claims[2])

    job = factories.job(found.claims[2].job_id)
    assert round(waits.total_seconds()) == 3 * job.timeout
    assert (job.deadline - job.started_at).total_seconds() < job.timeout + 60


def test_a_batch_costs_a_fixed_number_of_statements_but_for_what_is_written_of_each_job(app: Flask) -> None:
    factories.host()
    factories.app()
    costs = []
    for many in (2, 12):
        asked(many)
        found = batch()
        with counted() as statements, transaction():
            attempts.heartbeat(found.claims)
            attempts.begin(found.claims)
            instances.conclude(dict.fromkeys(found.claims, outcome()))
        costs.append(len([each for each in statements if each.startswith("SELECT")]))

    assert costs[0] == costs[1]


def test_a_reaper_moves_a_lost_run_job_by_job(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.host()
    factories.app()
    asked(3)
    found = batch()
    monkeypatch.setattr(recovery, "AT_ONCE", 1)

    moved = [factories.reaped() for _ in range(7)]

    assert moved == [1] * 6 + [0]  # each to quiesce, and then back into the queue

    assert states(found) == ["queued"] * 3
    assert taken() == 0
