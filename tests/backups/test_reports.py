"""What runs report of backups, however they end and whatever they say."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from provisioner.accounts.policy import Role
from provisioner.db import Json, db, transaction
from provisioner.hosts import service as hosts
from provisioner.instances import service as instances
from provisioner.instances.learning import ODD
from provisioner.instances.lifecycle import Action, State
from provisioner.instances.models import Instance
from provisioner.jobs.attempts import Outcome
from provisioner.jobs.lifecycle import End, JobState, Resolution
from provisioner.jobs.models import Job
from tests import factories
from tests.factories import Api


@pytest.fixture
def instance(app: Flask) -> Instance:
    factories.host()
    factories.app("complaints")
    return factories.instance(factories.administration(), release="1.0")


def register(app: Flask, instance: Instance) -> list[Json]:
    items: list[Json] = Api(app, Role.VIEWER).get(f"/instances/{instance.id}/backups").json["items"]
    return items


def names(app: Flask, instance: Instance) -> list[tuple[str, bool]]:
    return [(each["name"], each["expired_at"] is None) for each in register(app, instance)]


@pytest.mark.parametrize("end", [End.FAILED, End.CANCELLED, End.DEADLINE, End.BROKEN, End.UNREACHABLE])
def test_what_a_run_has_kept_and_removed_is_known_however_it_ended(app: Flask, instance: Instance, end: End) -> None:
    first = factories.asked_to(Action.BACK_UP, instance.id)
    old = factories.stored(first, "2026-11-23T01:00:00Z")
    factories.carried_out(report=old)
    second = factories.asked_to(Action.BACK_UP, instance.id)
    new = factories.stored(second, expired=[old["backup"]["name"]])

    assert factories.carried_out(end, report=new) is not JobState.SUCCEEDED

    assert names(app, instance) == [(new["backup"]["name"], True), (old["backup"]["name"], False)]


def test_the_backup_of_another_attempt_takes_the_place_of_the_one_before(app: Flask, instance: Instance) -> None:
    job = factories.asked_to(Action.BACK_UP, instance.id)
    factories.concluded(factories.claimed(), End.UNREACHABLE, touched=False, report=factories.stored(job))
    factories.rested()
    with transaction():
        hosts.reopen(job.host_id)
    again = factories.stored(job, "2026-11-25T01:00:00Z")
    again["backup"]["bytes"] = 12
    state = factories.carried_out(report=again)

    assert state is JobState.SUCCEEDED
    assert [(each["bytes"], each["taken_at"][:10]) for each in register(app, instance)] == [(12, "2026-11-25")]


FORGED = [
    {"name": "../../x"},
    {"name": 7},
    {"store": None},
    {"bytes": -1},
    {"bytes": True},
    {"bytes": 2**63},
    {"sha256": "AB"},
    {"taken_at": "yesterday"},
    {"taken_at": "2026-11-24T01:00:00"},
    {"taken_at": "0001-01-01T00:00:00+14:00"},
]


@pytest.mark.parametrize("forged", FORGED)
def test_a_backup_that_cannot_be_right_is_told_and_not_in_the_register(
    app: Flask, instance: Instance, forged: Any
) -> None:
    job = factories.asked_to(Action.BACK_UP, instance.id)
    report = factories.stored(job)

    state = factories.carried_out(report=report | {"backup": report["backup"] | forged})

    assert state is JobState.FAILED
    assert factories.job(job.id).report == {"reason": ODD}
    assert register(app, instance) == []


@pytest.mark.parametrize("report", [{"backup": "x"}, {"backup": None}, {"expired": "a"}, {"expired": [7]}])
def test_no_report_keeps_the_other_jobs_of_a_run_from_their_end(instance: Instance, report: Any) -> None:
    other = factories.instance(factories.administration(), release="1.0")
    for each in (instance, other):
        factories.asked_to(Action.BACK_UP, each.id)
    claims = [factories.claimed(), factories.claimed()]
    said = {claims[0]: report, claims[1]: {}}

    with transaction():
        ended = instances.conclude({claim: Outcome(End.SUCCEEDED, True, said[claim], 0) for claim in claims})

    assert [ended[claim.job_id] for claim in claims] == [JobState.FAILED, JobState.SUCCEEDED]


def test_only_an_action_that_keeps_a_backup_enters_one(app: Flask, instance: Instance) -> None:
    job = factories.asked_to(Action.UPDATE, instance.id, "2.0")

    assert factories.carried_out(report=factories.stored(job)) is JobState.SUCCEEDED
    assert register(app, instance) == []


def test_after_a_removal_whose_last_backup_cannot_be_right_a_person_looks(app: Flask, instance: Instance) -> None:
    factories.asked_to(Action.SUSPEND, instance.id)
    factories.carried_out()
    Api(app, Role.OPERATOR).post(f"/instances/{instance.id}/remove", json={"reason": "test", "days": 0})
    job = db.session.scalars(select(Job).where(Job.action == Action.REMOVE)).one()

    state = factories.carried_out(report=factories.stored(job) | {"backup": {"name": "../../x"}})

    assert state is JobState.NEEDS_ATTENTION
    assert db.session.get_one(Instance, instance.id).state is State.SUSPENDED
    with transaction():
        instances.resolve(job.id, Resolution.SUCCEEDED, "it is gone")
    assert db.session.get_one(Instance, instance.id).state is State.REMOVED
