"""After the database was restored from a backup nobody knows what the open jobs did since."""

from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import text

from provisioner.config import settings
from provisioner.db import db, transaction
from provisioner.embedded.layout import Layout
from provisioner.embedded.up import Stage, programs
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs import recovery
from provisioner.jobs.lifecycle import Cause, JobState
from tests import factories


def moved() -> None:
    """As if these rows had been written in another database."""
    with transaction() as session:
        session.execute(text("UPDATE origin SET database_oid = 1"))


def noticed() -> int | None:
    with transaction():
        return recovery.recover_if_restored()


def test_a_database_that_was_not_restored_is_left_alone(instance: Instance) -> None:
    asked = factories.asked_to(Action.CHECK, instance.id)
    factories.claimed()

    assert (noticed(), noticed()) == (None, None)
    assert factories.job(asked.id).state is JobState.RUNNING


def test_what_a_restored_database_shows_as_going_on_waits_for_a_person(instance: Instance) -> None:
    noticed()
    running = factories.asked(factories.administration().id)
    claim = factories.claimed()
    lost = factories.asked(factories.administration().id)
    factories.claimed()
    with transaction() as session:
        session.execute(text("UPDATE job SET state = 'quiescing' WHERE id = :id"), {"id": lost.id})
    safe = factories.asked(factories.administration().id)
    unsafe = factories.asked_to(Action.UPDATE, instance.id)
    moved()

    assert noticed() == 3

    states = [factories.job(job.id).state for job in (running, lost, unsafe, safe)]
    assert states == [*[JobState.NEEDS_ATTENTION] * 3, JobState.QUEUED]
    assert factories.job(running.id).cause == Cause.RESTORED
    assert db.session.scalars(text("SELECT count(*) FROM slot WHERE run_id IS NOT NULL")).one() == 0
    assert noticed() is None
    again = factories.claimed()
    assert again.job_id == safe.id
    assert again.fence > 1_000_000 > claim.fence


def test_a_sweep_s_check_that_was_going_on_locks_nobody_out(instance: Instance) -> None:
    check = factories.asked_to(Action.CHECK, instance.id, background=True)
    factories.claimed()

    with transaction():
        assert recovery.recover("restored by hand") == 1

    assert (factories.job(check.id).state, factories.job(check.id).cause) == (JobState.CANCELLED, Cause.RESTORED)
    assert factories.asked_to(Action.UPDATE, instance.id).state is JobState.QUEUED


def test_a_check_that_was_giving_way_leaves_its_place_to_the_one_behind_it(instance: Instance) -> None:
    check = factories.asked_to(Action.CHECK, instance.id, background=True)
    factories.claimed()
    update = factories.asked_to(Action.UPDATE, instance.id)

    with transaction():
        assert recovery.recover("restored by hand") == 2

    assert factories.job(check.id).state is JobState.CANCELLED
    assert factories.job(update.id).state is JobState.NEEDS_ATTENTION


def test_the_service_can_be_told_at_its_start(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder that went back in time as a whole is the same database as before."""
    listener = SimpleNamespace(fileno=lambda: 3, getsockname=lambda: ("127.0.0.1", 8000))
    stage = Stage(settings(), Layout(settings().state_dir), listener, durable=False, restored="of 2 May")

    prepare = next(each for each in programs(stage) if each.name == "prepare")

    assert list(prepare.command)[-3:] == ["prepare", "--restored", "of 2 May"]
