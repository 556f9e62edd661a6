"""A job on whose instance everything has become as it shall be ends without a run."""

from importlib import import_module
from typing import Any

import pytest
from flask import Flask

from provisioner.db import db, transaction
from provisioner.instances import digests
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs import attempts, claiming
from tests import factories


@pytest.fixture
def tasks(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The worker's module, which may not start any run; the playbooks are those of the request."""
    tasks = import_module("worker.tasks")

    def refuse(*_: object) -> None:
        raise AssertionError("a run was started")

    monkeypatch.setattr(tasks, "Run", refuse)
    monkeypatch.setattr("provisioner.catalogue.folders.digest", lambda *_: "d1")
    return tasks


def test_it_succeeds_and_the_run_is_for_the_others(tasks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.host()
    factories.app()
    same, other = (factories.instance(factories.administration(), release="1.0") for _ in range(2))
    jobs = [factories.asked_to(Action.UPDATE, instance.id, "2.0").id for instance in (same, other)]
    with transaction() as session:
        wanted = digests.of([same.id], factories.job(jobs[0]).release_id)
        session.get_one(Instance, same.id).applied_digest = wanted[same.id]
    ran: list[Any] = []
    monkeypatch.setattr(tasks, "_run", lambda batch, order, _: iter(ran.append((batch, order)) or ()))
    with transaction():
        batch = claiming.claim("worker", [factories.SITE])

    tasks._carry_out(batch)

    [(rest, order)] = ran
    assert [claim.job_id for claim in rest.claims] == jobs[1:]
    assert len(order.instances) == 1
    job = factories.job(jobs[0])
    assert (job.state, job.report, job.events_emitted) == ("succeeded", {"unchanged": True}, 0)
    assert db.session.get_one(Instance, same.id).applied_release_id == job.release_id


def test_what_is_wanted_is_read_when_the_run_begins(tasks: Any) -> None:
    """Names may have changed since it was asked for: what was put in place is what the run was told."""
    factories.host()
    factories.app()
    instance = factories.instance(factories.administration(), release="1.0")
    job = factories.asked_to(Action.UPDATE, instance.id, "2.0")
    with transaction() as session:
        session.get_one(Instance, instance.id).settings = {"colour": "blue"}
    with transaction():
        batch = claiming.claim("worker", [factories.SITE])

    tasks._order(batch)
    with transaction():
        attempts.begin(batch.claims)
    factories.concluded(batch.claims[0], report={"health": "healthy", "active_version": "2.0"})

    db.session.expire_all()
    assert digests.current([instance.id], job.release_id) == {instance.id}
