"""What is in place is known by one digest: it changes with everything that shapes an instance, and never lies."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from provisioner.accounts.policy import Role
from provisioner.db import db, transaction
from provisioner.instances import digests, service, variables
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs import recovery
from provisioner.jobs.claiming import Batch
from provisioner.jobs.lifecycle import End, JobState, Resolution
from tests import factories
from tests.factories import Api
from tests.statements import counted

DAYS = {"name": "days", "type": "int", "default": 30, "minimum": 1, "maximum": 90, "label": {"en": "Days"}}
FIXED = {"name": "place", "type": "str", "default": "a", "immutable_after": "provision", "label": {"en": "Place"}}


@pytest.fixture
def instance(app: Flask) -> Instance:
    """Active on release 1.0, as everything says that it shall be."""
    factories.host()
    factories.app(parameters=(DAYS, FIXED))
    return factories.instance(factories.administration("commune-a"), release="1.0")


@pytest.fixture
def api(app: Flask) -> Api:
    return Api(app, Role.OPERATOR)


def is_current(instance: Instance) -> bool:
    db.session.rollback()
    return digests.current([instance.id]) == {instance.id}


def changed(statement: str) -> None:
    with transaction() as session:
        session.execute(text(statement))


# What a run is told besides, and why it does not shape the instance.
PECULIAR = {
    "controller": "where the worker keeps what it downloads",
    "job": "the job at hand",
    "secrets": "known by their seals",
    "ansible_become": "how the server is reached",
    "ansible_connection": "how the server is reached",
    "ansible_host": "how the server is reached",
    "ansible_python_interpreter": "how the server is reached",
}
SHAPING = (
    "UPDATE app SET digest = 'another folder'",
    "UPDATE release SET version = '1.0.1' WHERE version = '1.0'",
    "UPDATE release SET runtime = 'another.txt' WHERE version = '1.0'",
    """UPDATE instance SET settings = '{"days": 31}'""",
    "UPDATE instance SET port = port + 1",
    "UPDATE instance SET address = 'http://elsewhere/'",
    "UPDATE instance SET environment = 'training'",
    "UPDATE administration SET slug = 'renamed'",
    "UPDATE administration_name SET text = 'Renamed' WHERE language = 'fr'",
    "UPDATE administration_name SET text = 'Renamed' WHERE language = 'ar'",
    """UPDATE host SET facts = facts || '{"root": "/elsewhere"}'""",
    "UPDATE host SET name = 'renamed'",
    "UPDATE instance_secret SET sealed = 'another'",
    "DELETE FROM instance_secret",
)
NOT_SHAPING = (
    "UPDATE instance SET health = 'unhealthy', health_at = now()",
    "UPDATE host SET slots = 3",
    """UPDATE host SET facts = facts || '{"ssh": {"port": 22}}'""",
    "UPDATE release SET state = 'deprecated'",
)


def test_what_was_provisioned_is_as_it_shall_be(instance: Instance) -> None:
    assert is_current(instance)


@pytest.mark.parametrize("change", SHAPING)
def test_whatever_shapes_an_instance_changes_its_digest(instance: Instance, change: str) -> None:
    changed(change)

    assert not is_current(instance)


@pytest.mark.parametrize("change", NOT_SHAPING)
def test_what_does_not_shape_it_changes_nothing(instance: Instance, change: str) -> None:
    changed(change)

    assert is_current(instance)


def test_a_run_is_told_nothing_that_the_digest_does_not_know(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[Any] = []
    written = digests._written
    monkeypatch.setattr(digests, "_written", lambda whole: known.append(whole) or written(whole))
    changed("UPDATE instance SET applied_digest = NULL")
    digests.of([instance.id])
    factories.asked_to(Action.RECONFIGURE, instance.id)
    order = variables.order(Batch((factories.claimed(),), forks=1))

    host, (*_, runtime, shape) = known[:2]
    told = {name: value for name, value in order.instances[instance.short_id].items() if name not in PECULIAR}
    told["release"] = {"version": told["release"]["version"]}  # the one before counts in the run alone
    assert told == {**shape, "host": host}
    assert order.servers["server"]["runtime"] == runtime


def test_the_same_number_of_questions_for_any_number_of_instances(instance: Instance) -> None:
    ids = [instance.id, *(factories.instance(factories.administration(), release="1.0").id for _ in range(3))]
    with counted() as few:
        digests.current(ids[:1])
    with counted() as many:
        found = digests.current(ids)

    assert found == set(ids)
    assert len(many) == len(few)


def fails(instance: Instance) -> None:
    factories.asked_to(Action.UPDATE, instance.id)
    factories.carried_out(End.FAILED, report={"health": "healthy", "active_version": "1.0"})


def is_cancelled(instance: Instance) -> None:
    factories.asked_to(Action.UPDATE, instance.id)
    factories.carried_out(End.CANCELLED)


def is_marked_as_succeeded(instance: Instance) -> None:
    job = factories.asked_to(Action.UPDATE, instance.id)
    assert factories.carried_out(End.BROKEN) is JobState.NEEDS_ATTENTION
    with transaction():
        service.resolve(job.id, Resolution.SUCCEEDED, "I have looked")


def has_drifted(instance: Instance) -> None:
    factories.asked_to(Action.CHECK, instance.id)
    factories.carried_out(report={"health": "healthy", "drift": ["config.ini differs"]})


def is_found_unhealthy(instance: Instance) -> None:
    factories.asked_to(Action.CHECK, instance.id)
    factories.carried_out(report={"health": "unhealthy", "drift": []})


def comes_from_a_backup(_instance: Instance) -> None:
    with transaction():
        recovery.recover("restored")


@pytest.mark.parametrize(
    "happens",
    [fails, is_cancelled, is_marked_as_succeeded, has_drifted, is_found_unhealthy, comes_from_a_backup],
)
def test_what_makes_the_content_uncertain_is_remembered(
    instance: Instance, happens: Callable[[Instance], None]
) -> None:
    happens(instance)

    db.session.rollback()
    assert db.session.get_one(Instance, instance.id).applied_digest is None
    assert not is_current(instance)


def test_a_check_that_finds_nothing_leaves_it_known(instance: Instance) -> None:
    factories.asked_to(Action.CHECK, instance.id)
    factories.carried_out(report={"health": "healthy", "drift": []})

    assert is_current(instance)


def test_a_job_that_was_cancelled_before_it_began_leaves_it_known(instance: Instance) -> None:
    job = factories.asked_to(Action.UPDATE, instance.id)
    with transaction():
        service.cancel(job.id, "not today")

    assert is_current(instance)


def test_a_change_during_the_run_is_still_to_be_done(instance: Instance) -> None:
    factories.asked_to(Action.UPDATE, instance.id)
    claim = factories.claimed()
    changed("UPDATE administration_name SET text = 'Renamed' WHERE language = 'fr'")
    factories.concluded(claim)

    assert not is_current(instance)


def test_while_a_lost_attempt_may_have_changed_something_nothing_is_known(instance: Instance) -> None:
    factories.asked_to(Action.UPDATE, instance.id)
    factories.claimed()
    assert is_current(instance)

    factories.reaped()

    assert not is_current(instance)


# Asking where nothing would change


@pytest.mark.parametrize(("action", "body"), [("reconfigure", {}), ("update", {"release": "1.0"})])
def test_nothing_is_begun_where_nothing_would_change(
    api: Api, instance: Instance, action: str, body: dict[str, Any]
) -> None:
    before = factories.row_counts()

    for query in ("?dry_run=true", ""):
        answer = api.post(f"/instances/{instance.id}/{action}{query}", json={"reason": "to be sure", **body})

        assert (answer.status_code, answer.json) == (200, {"unchanged": True})
    assert {**factories.row_counts(), "idempotency_key": 0} == before


def test_new_settings_are_applied_on_the_release_that_is_there(api: Api, instance: Instance) -> None:
    answer = api.post(f"/instances/{instance.id}/reconfigure", json={"reason": "agreed", "settings": {"days": 7}})

    assert (answer.status_code, answer.json["action"]) == (202, "reconfigure")
    plan = api.get(f"/requests/{answer.json['request_id']}").json["plan"]
    assert (plan["release"], plan["instances"][0]["settings"]) == ("1.0", {"days": 7, "place": "a"})
    factories.carried_out()
    after = api.get(f"/instances/{instance.id}").json
    assert (after["applied"], after["settings"], after["state"]) == ("1.0", {"days": 7, "place": "a"}, "active")
    assert is_current(instance)


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [({"days": 0}, "/settings/days"), ({"colour": "red"}, "/settings/colour"), ({"place": "b"}, "/settings/place")],
)
def test_settings_that_do_not_fit_change_nothing(
    api: Api, instance: Instance, settings: dict[str, Any], pointer: str
) -> None:
    refused = api.post(f"/instances/{instance.id}/reconfigure", json={"reason": "agreed", "settings": settings})

    assert (refused.status_code, [fault["pointer"] for fault in refused.json["errors"]]) == (422, [pointer])
    assert api.get(f"/instances/{instance.id}").json["settings"] == {"days": 30, "place": "a"}


def test_a_reconfiguration_that_fails_needs_a_person(api: Api, instance: Instance) -> None:
    job = api.post(f"/instances/{instance.id}/reconfigure", json={"reason": "x", "settings": {"days": 7}}).json

    factories.carried_out(End.FAILED, report={})

    assert factories.job(UUID(job["id"])).state is JobState.NEEDS_ATTENTION
    assert api.get(f"/instances/{instance.id}").json["failed"] is None


def test_a_reconfiguration_refuses_what_is_not_active(api: Api, instance: Instance) -> None:
    failed = factories.asked(factories.administration().id)
    factories.carried_out(End.FAILED)

    refused = api.post(f"/instances/{failed.instance_id}/reconfigure", json={"reason": "x"})

    assert (refused.status_code, refused.json["code"]) == (409, "wrong-state")


def test_an_administration_that_was_renamed_is_reconfigured(api: Api, instance: Instance) -> None:
    changed("UPDATE administration_name SET text = 'Renamed' WHERE language = 'fr'")

    assert api.post(f"/instances/{instance.id}/reconfigure", json={"reason": "renamed"}).status_code == 202


def test_the_settings_before_are_in_the_history(api: Api, instance: Instance, app: Flask) -> None:
    api.post(f"/instances/{instance.id}/reconfigure", json={"reason": "x", "settings": {"days": 7}})

    periods = api.get(f"/instances/{instance.id}/history").json["items"]

    assert [each["settings"]["days"] for each in periods][:2] == [7, 30]


def test_administrations_are_not_mixed_up(instance: Instance) -> None:
    second = factories.instance(factories.administration("commune-b"), release="1.0")

    assert len(set(digests.of([instance.id, second.id]).values())) == 2
