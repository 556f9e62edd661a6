"""What calls a removal off and what does not, and removals that rest on a person's word."""

from importlib import import_module

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from provisioner.accounts.policy import Role
from provisioner.audit.models import AuditEvent
from provisioner.catalogue.models import App
from provisioner.db import db, transaction
from provisioner.instances.lifecycle import Action, State
from provisioner.instances.models import Instance, InstanceSecret
from provisioner.jobs.lifecycle import End, JobState
from provisioner.jobs.models import Job
from tests import factories
from tests.factories import Api
from tests.instances.lives import NOTICED, asks, now
from tests.visitors import Visitor

SERVES = {"health": "healthy", "active_version": "1.0"}


def events(action: str) -> list[AuditEvent]:
    return list(db.session.scalars(select(AuditEvent).where(AuditEvent.action == action)))


def test_a_check_that_ends_while_an_instance_waits_for_its_suspension_does_not_call_off_its_removal(
    api: Api, instance: Instance
) -> None:
    factories.asked_to(Action.CHECK, instance.id, background=True)
    check = factories.claimed()
    asks(api, instance, "remove", days=10)

    factories.concluded(check, report={**SERVES, "drift": []})
    factories.carried_out(report=NOTICED)

    assert now(instance).state is State.SUSPENDED
    assert now(instance).removal_due_at is not None


def test_resuming_calls_a_removal_off_and_the_audit_says_so(api: Api, instance: Instance) -> None:
    asks(api, instance, "remove", days=10)
    factories.carried_out(report=NOTICED)
    asks(api, instance, "resume")
    factories.carried_out(report=SERVES)

    assert now(instance).removal_due_at is None
    assert [event.object_id for event in events("instance.call_off_removal")] == [str(instance.id)]


@pytest.mark.parametrize("cancelled", [True, False])
def test_a_removal_is_off_if_the_suspension_with_which_it_begins_does_not_come_about(
    api: Api, instance: Instance, cancelled: bool
) -> None:
    asked = asks(api, instance, "remove", days=10).json["id"]
    if cancelled:
        api.post(f"/jobs/{asked}/cancel", json={"reason": "wrong one"})
    else:
        factories.carried_out(End.FAILED, SERVES)

    assert (now(instance).state, now(instance).removal_due_at) == (State.ACTIVE, None)
    assert [event.reason for event in events("instance.call_off_removal")] == ["wrong one" if cancelled else None]


@pytest.fixture
def stuck(api: Api, instance: Instance) -> str:
    """The id of a removal of which nobody knows how it ended."""
    asks(api, instance, "suspend")
    factories.carried_out(report=NOTICED)
    job = asks(api, instance, "remove", days=0).json["id"]
    assert factories.carried_out(End.BROKEN, {}) is JobState.NEEDS_ATTENTION
    return str(job)


def test_a_removal_that_a_person_says_succeeded_leaves_no_secrets_and_a_certificate_that_says_on_whose_word(
    app: Flask, api: Api, instance: Instance, stuck: str
) -> None:
    word = {"resolution": "succeeded", "reason": "<b>the disk was shredded</b>"}
    assert api.post(f"/jobs/{stuck}/resolve", json=word).status_code == 200

    kept = api.get(f"/instances/{instance.id}/certificate").json
    page = Visitor(app, Role.VIEWER).get(f"/instances/{instance.id}/certificate")

    assert api.account
    assert kept["certificate"]["word"] == {"account_id": str(api.account.id), "reason": word["reason"]}
    assert (kept["certificate"]["erased"], kept["job_id"]) == (None, stuck)
    assert (now(instance).state, now(instance).removal_due_at) == (State.REMOVED, None)
    assert db.session.scalar(select(func.count()).where(InstanceSecret.instance_id == instance.id)) == 0
    assert [event.reason for event in events("instance.certify_erasure")] == [word["reason"]]
    assert page.status_code == 200
    assert "&lt;b&gt;the disk was shredded" in page.text
    assert "looked for on the server and not found" not in page.text


def without(app: str, *actions: Action) -> None:
    """The app does not offer these any more."""
    with transaction() as session:
        made = session.scalars(select(App).where(App.slug == app)).one()
        made.manifest = {**made.manifest, "actions": sorted(set(Action) - set(actions))}


def test_a_removal_that_the_app_does_not_offer_is_refused_before_anything_is_suspended(
    api: Api, instance: Instance
) -> None:
    without("complaints", Action.REMOVE)

    refused = asks(api, instance, "remove", days=10)

    assert (refused.status_code, refused.json["code"]) == (409, "not-offered")
    assert now(instance).removal_due_at is None


def test_a_removal_that_cannot_begin_keeps_no_other_waiting(api: Api, instance: Instance) -> None:
    factories.app("open-data")
    other = factories.instance(factories.administration(), app="open-data", release="1.0")
    for each in (instance, other):
        asks(api, each, "remove", days=10)
        factories.carried_out(report=NOTICED)
    with transaction() as session:
        session.execute(text("UPDATE instance SET removal_due_at = clock_timestamp()"))
    without("complaints", Action.REMOVE)

    import_module("worker.dispatcher").sweep()

    queued = db.session.scalars(select(Job.instance_id).where(Job.action == Action.REMOVE))
    assert list(queued) == [other.id]
