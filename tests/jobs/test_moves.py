"""A move holds a slot of the host that it comes to as well, and waits for that host as for the one that it leaves."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, text

from provisioner.db import db, transaction
from provisioner.hosts import service as hosts
from provisioner.hosts.models import Host, HostState
from provisioner.instances import service as instances
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs import claiming, queries, waiting
from provisioner.jobs.attempts import Claim, Outcome
from provisioner.jobs.claiming import Batch
from provisioner.jobs.lifecycle import End, JobState, Waiting
from provisioner.jobs.models import Slot
from provisioner.jobs.waiting import Wait
from provisioner.requests import service as requests
from tests import factories
from tests.threads import in_threads

pytestmark = pytest.mark.usefixtures("_common_store")


@pytest.fixture(autouse=True)
def _estate(app: Flask) -> None:
    factories.worker()
    factories.app()


def lodged(host: str, many: int = 1) -> list[Instance]:
    """Instances on this host, which was the only one that took any."""
    placed = [factories.instance(factories.administration(), release="1.0") for _ in range(many)]
    assert {each.host_id for each in placed} == {known(host)}
    return placed


def known(host: str) -> UUID:
    return db.session.scalars(select(Host.id).where(Host.name == host)).one()


def move(instance: Instance, to: str) -> UUID:
    """The id of the queued job that brings the instance there."""
    with transaction():
        accepted = requests.ask(instance.id, Action.MOVE, "test", target=to)
        assert accepted
        return accepted.job.id


def next_batch() -> Batch | None:
    with transaction():
        return claiming.claim("worker", [factories.SITE])


def taken() -> Counter[str]:
    """How many slots of each host are taken."""
    db.session.rollback()
    names = select(Host.name).join(Slot, Slot.owner_id == Host.id).where(Slot.run_id.is_not(None))
    return Counter(db.session.scalars(names))


def ended(batch: Batch | None, end: End = End.SUCCEEDED) -> Sequence[JobState]:
    assert batch
    return [factories.concluded(claim, end) for claim in batch.claims]


def why(job_id: UUID) -> Wait | None:
    return waiting.why(queries.detail(job_id))


def test_a_move_holds_a_slot_of_both_hosts_until_it_has_ended() -> None:
    factories.host("old")
    [instance] = lodged("old")
    factories.host("new")
    move(instance, "new")

    batch = next_batch()

    assert taken() == {"old": 1, "new": 1}
    ended(batch)
    assert taken() == {}
    assert db.session.get_one(Instance, instance.id).host_id == known("new")


def test_a_move_waits_for_a_slot_of_the_host_that_it_comes_to_and_says_so() -> None:
    factories.host("old")
    [instance, other] = lodged("old", 2)
    factories.host("new", slots=1)
    first, second = move(instance, "new"), move(other, "new")
    with transaction():
        held = claiming.claim("worker", [factories.SITE], most=1)

    assert held
    assert [claim.job_id for claim in held.claims] == [first]
    assert next_batch() is None
    assert why(second) == Wait(Waiting.TARGET_SLOTS, "new")
    ended(held)
    assert next_batch() is not None


def test_a_move_waits_for_the_host_that_it_comes_to_to_answer_and_says_so() -> None:
    factories.host("old")
    [instance] = lodged("old")
    new = factories.host("new")
    job_id = move(instance, "new")
    with transaction():
        hosts.park(new.id)

    assert next_batch() is None
    told = why(job_id)
    assert told
    assert (told.reason, told.what) == (Waiting.TARGET_PARKED, "new")
    with transaction():
        hosts.reopen(new.id)
    assert next_batch() is not None


def test_the_host_that_did_not_answer_is_parked_and_not_the_other() -> None:
    factories.host("old")
    [instance, other] = lodged("old", 2)
    factories.host("new")
    first, second = move(instance, "new"), move(other, "new")
    claim = alone()[0]
    back = {"health": "healthy", "active_version": "1.0", "moved": "back"}

    outcome = Outcome(End.FAILED, touched=True, report=back, events_emitted=0, target_silent=True)
    with transaction():
        states = instances.conclude({claim: outcome})

    assert states == {first: JobState.FAILED}
    parked = db.session.scalars(select(Host.name).where(Host.parked_at.is_not(None))).all()
    assert parked == ["new"]
    told = why(second)
    assert told
    assert told.reason is Waiting.TARGET_PARKED


def test_what_happens_on_the_host_that_it_comes_to_takes_the_same_slots() -> None:
    factories.host("old")
    [instance] = lodged("old")
    factories.host("new", slots=1)
    with transaction():
        hosts.turn("old", HostState.CORDONED, "test")
    factories.asked(factories.administration().id)
    provision = next_batch()
    assert taken() == {"new": 1}

    job_id = move(instance, "new")

    assert next_batch() is None
    assert why(job_id) == Wait(Waiting.TARGET_SLOTS, "new")
    ended(provision)
    assert next_batch() is not None


def test_a_run_moves_instances_to_one_host_and_others_go_with_the_next() -> None:
    factories.host("old")
    there = lodged("old", 6)
    factories.host("new", slots=3)
    factories.host("newer")
    for number, instance in enumerate(there):
        move(instance, "newer" if number % 2 else "new")

    first, second = next_batch(), next_batch()

    assert first
    assert second
    targets = [{factories.job(claim.job_id).target_host_id for claim in batch.claims} for batch in (first, second)]
    assert (len(first.claims), len(second.claims)) == (first.forks, 3), "nobody stands still while others move"
    assert targets == [{known("new")}, {known("newer")}]
    assert first.forks == 2, "half of the slots that are free where they come to"
    assert taken() == {"old": first.forks + second.forks, "new": first.forks, "newer": second.forks}


def test_hosts_that_exchange_instances_never_keep_each_other_waiting(app: Flask) -> None:
    """Each has one slot: a claim gets both or none, and of those who try at once somebody always gets them."""
    factories.host("one", slots=1)
    here = lodged("one", 4)
    factories.host("other", slots=1)
    for instance in here[:2]:
        move(instance, "other")
        ended(next_batch())
    back = [move(instance, "one") for instance in here[:2]]
    there = [move(instance, "other") for instance in here[2:]]
    moved: list[UUID] = []

    while len(moved) < len(back + there):
        claims: list[Claim] = []
        in_threads(app, [lambda claims=claims: claims.extend(alone())] * 3)  # type: ignore[misc]
        assert len(claims) == 1, "one at a time, and never none"
        assert taken() == {"one": 1, "other": 1}
        factories.concluded(claims[0])
        moved += [claim.job_id for claim in claims]

    assert sorted(moved) == sorted(back + there)


def alone() -> Sequence[Claim]:
    with transaction():
        batch = claiming.claim("worker", [factories.SITE], most=1)
    return batch.claims if batch else ()


def test_an_attempt_that_is_lost_keeps_the_slots_of_both_until_it_is_dead() -> None:
    factories.host("old")
    [instance] = lodged("old")
    factories.host("new")
    move(instance, "new")
    next_batch()

    factories.reaped()
    assert taken() == {"old": 1, "new": 1}
    factories.reaped()
    assert taken() == {}


def test_no_job_moves_an_instance_to_where_it_is() -> None:
    factories.host("old")
    [instance] = lodged("old")
    factories.host("new")
    job_id = move(instance, "new")

    with pytest.raises(Exception, match="ck_job_moves_elsewhere"), transaction() as session:
        session.execute(text("UPDATE job SET target_host_id = host_id WHERE id = :id"), {"id": job_id})

    assert factories.job(job_id).target_host_id == known("new")
