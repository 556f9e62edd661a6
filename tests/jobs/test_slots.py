"""No more jobs of an app, or on a host, are carried out at once than may be; and every slot comes back."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from provisioner.db import db, transaction
from provisioner.hosts import service as hosts
from provisioner.instances import service as instances
from provisioner.jobs.attempts import Claim
from provisioner.jobs.lifecycle import End, JobState
from provisioner.jobs.models import Slot
from tests import factories
from tests.threads import in_threads


def next_claim() -> Claim | None:
    with transaction():
        return factories.claim("worker", [factories.SITE])


def taken() -> int:
    db.session.rollback()
    return db.session.scalars(select(func.count()).where(Slot.run_id.is_not(None))).one()


def test_an_app_is_worked_on_as_often_at_once_as_it_allows(app: Flask) -> None:
    factories.host()
    factories.app("complaints", concurrency=1)
    factories.app("open-data")
    administration = factories.administration()
    first = factories.asked(administration.id, "complaints")
    second = factories.asked(factories.administration().id, "complaints")
    other = factories.asked(administration.id, "open-data")

    held = next_claim()
    beside = next_claim()

    assert held
    assert beside
    assert (held.job_id, beside.job_id, next_claim()) == (first.id, other.id, None)
    factories.concluded(held)
    assert factories.claimed().job_id == second.id


def test_a_host_is_worked_on_as_often_at_once_as_it_allows(app: Flask) -> None:
    factories.host(slots=1)
    factories.app("complaints")
    for _ in range(2):
        factories.asked(factories.administration().id)

    held = next_claim()

    assert held
    assert next_claim() is None
    factories.concluded(held)
    assert next_claim() is not None


@pytest.mark.parametrize("lowest_first", [True, False])
def test_more_slots_are_there_as_soon_as_they_are_given_and_fewer_hold_for_what_begins_later(
    app: Flask, *, lowest_first: bool
) -> None:
    factories.host("server", slots=1)
    factories.app("complaints")
    for _ in range(4):
        factories.asked(factories.administration().id)
    held = [factories.claimed()]

    with transaction():
        hosts.change("server", {"slots": 2}, "new memory")
    held.append(factories.claimed())
    with transaction():
        hosts.change("server", {"slots": 1}, "memory gone")

    first, second = held if lowest_first else reversed(held)
    factories.concluded(first)
    assert next_claim() is None, "one is still acting"
    factories.concluded(second)
    assert next_claim() is not None


def test_many_workers_at_once_never_take_more_than_there_is(app: Flask) -> None:
    factories.host(slots=5)
    factories.app("complaints", concurrency=3)
    for _ in range(8):
        factories.asked(factories.administration().id)
    claims: list[Claim | None] = []

    in_threads(app, [lambda: claims.append(next_claim())] * 8)

    assert len([claim for claim in claims if claim]) == 3
    assert taken() == 6  # one of the app and one of the host for each


@pytest.mark.parametrize("end", [End.SUCCEEDED, End.FAILED, End.UNREACHABLE, End.BROKEN, End.CANCELLED, End.DEADLINE])
def test_however_a_run_ends_its_slots_are_free_again(app: Flask, end: End) -> None:
    factories.host()
    factories.app()
    factories.asked(factories.administration().id)
    claim = factories.claimed()
    assert taken() == 2

    factories.concluded(claim, end)

    assert taken() == 0


def test_a_lost_attempt_keeps_its_slots_until_nothing_of_it_can_act_any_more(app: Flask) -> None:
    factories.host()
    factories.app()
    asked = factories.asked(factories.administration().id)
    factories.claimed()

    factories.reaped()
    assert (factories.job(asked.id).state, taken()) == (JobState.QUIESCING, 2)
    factories.reaped()
    assert (factories.job(asked.id).state, taken()) == (JobState.QUEUED, 0)


def test_a_cancelled_run_gives_its_slots_back_when_it_has_ended_and_not_before(app: Flask) -> None:
    factories.host()
    factories.app()
    asked = factories.asked(factories.administration().id)
    claim = factories.claimed()

    with transaction():
        instances.cancel(asked.id, "test")

    assert taken() == 2
    factories.concluded(claim, End.CANCELLED, touched=False)
    assert taken() == 0
