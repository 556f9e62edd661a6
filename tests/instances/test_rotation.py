"""New secrets are kept beside the old ones until it is certain which of them an instance has."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from provisioner.accounts.policy import Role
from provisioner.db import db, transaction
from provisioner.instances import digests, secrets, service as instances, variables
from provisioner.instances.beginning import NoSuchSecret
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance, InstanceSecret
from provisioner.jobs import service as jobs
from provisioner.jobs.claiming import Batch
from provisioner.jobs.lifecycle import End, JobState, Resolution
from provisioner.jobs.models import Job
from provisioner.requests import service as requests
from tests import factories
from tests.factories import Api

KEPT = {"health": "healthy", "active_version": "1.0", "secrets": "previous"}
HEALTHY = {"health": "healthy", "active_version": "1.0"}
NAMES = ("admin_password", "secret_key")


@pytest.fixture
def instance(app: Flask) -> Instance:
    factories.host()
    made = factories.app()
    with transaction():
        made.manifest = {**made.manifest, "secrets": [*NAMES]}
    return factories.instance(factories.administration("commune-a"), release="1.0")


@pytest.fixture
def api(app: Flask) -> Api:
    return Api(app, Role.OPERATOR)


def asked(instance: Instance, *names: str) -> Job:
    with transaction():
        accepted = requests.ask(instance.id, Action.ROTATE, "test", names=names)
        assert accepted
        return accepted.job


def had(instance: Instance) -> dict[str, str]:
    """What the instance has, as far as the service knows."""
    db.session.rollback()
    return secrets.opened([instance.id])[instance.id].secrets


def rows(instance: Instance) -> int:
    db.session.rollback()
    return db.session.query(InstanceSecret).filter_by(instance_id=instance.id).count()


def told(instance: Instance) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What the run of the oldest job is told of the instance, and which words it must not say."""
    order = variables.order(Batch((factories.claimed(),), forks=1))
    return order.instances[instance.short_id], order.secrets


def test_a_rotation_that_succeeds_replaces_all_secrets(instance: Instance) -> None:
    before = had(instance)
    asked(instance)
    while_open = had(instance)
    factories.carried_out(report=HEALTHY)

    after = had(instance)
    assert while_open == before
    assert [after[name] != before[name] for name in NAMES] == [True, True]
    assert rows(instance) == 2


def test_its_run_is_told_the_new_secrets_and_the_old_ones_and_may_say_neither(instance: Instance) -> None:
    before = had(instance)
    asked(instance)

    mine, unspeakable = told(instance)

    assert mine["previous_secrets"] == before
    assert set(mine["secrets"]) == set(before)
    assert not set(mine["secrets"].values()) & set(before.values())
    assert set(unspeakable) == {*before.values(), *mine["secrets"].values()}


def test_no_other_run_is_told_of_more_than_the_secrets_that_are_in_place(instance: Instance) -> None:
    before = had(instance)
    with transaction() as session:
        session.execute(text("UPDATE instance SET applied_digest = NULL"))
    factories.asked_to(Action.RECONFIGURE, instance.id)

    mine, unspeakable = told(instance)

    assert (mine["secrets"], "previous_secrets" in mine) == (before, False)
    assert set(unspeakable) == set(before.values())


def test_only_the_named_secrets_are_renewed(instance: Instance) -> None:
    before = had(instance)
    asked(instance, "secret_key")
    mine, _ = told(instance)

    assert mine["secrets"]["admin_password"] == mine["previous_secrets"]["admin_password"] == before["admin_password"]
    assert mine["secrets"]["secret_key"] != mine["previous_secrets"]["secret_key"] == before["secret_key"]


def test_a_secret_that_the_app_does_not_have_is_refused_and_leaves_no_trace(instance: Instance) -> None:
    counts = factories.row_counts()

    with pytest.raises(NoSuchSecret):
        asked(instance, "admin_password", "crown_jewels")
    assert factories.row_counts() == counts


def test_a_rotation_that_put_the_old_secrets_back_has_failed_and_keeps_them(instance: Instance) -> None:
    before = had(instance)
    asked(instance)

    assert factories.carried_out(End.FAILED, KEPT) is JobState.FAILED
    assert (had(instance), rows(instance)) == (before, 2)


@pytest.mark.parametrize("end", [End.FAILED, End.BROKEN, End.CANCELLED, End.DEADLINE, End.UNREACHABLE])
@pytest.mark.parametrize("report", [{}, HEALTHY, {**KEPT, "health": "unhealthy"}, {**KEPT, "active_version": "2.0"}])
def test_whichever_secrets_an_instance_may_have_both_are_kept_until_a_person_decides(
    instance: Instance, end: End, report: dict[str, str]
) -> None:
    before = had(instance)
    asked(instance)

    assert factories.carried_out(end, report) is JobState.NEEDS_ATTENTION
    assert (had(instance), rows(instance)) == (before, 4)


@pytest.mark.parametrize(("resolution", "renewed"), [(Resolution.SUCCEEDED, True), (Resolution.FAILED, False)])
def test_the_person_says_which_secrets_the_instance_has(
    instance: Instance, resolution: Resolution, renewed: bool
) -> None:
    before = had(instance)
    job = asked(instance)
    mine, _ = told(instance)
    new = mine["secrets"]
    factories.reaped()
    factories.reaped()
    assert factories.job(job.id).state is JobState.NEEDS_ATTENTION

    with transaction():
        instances.resolve(job.id, resolution, "I have looked")

    assert had(instance) == (new if renewed else before)
    assert rows(instance) == 2


def test_a_retry_after_a_lost_worker_puts_the_same_new_secrets_in_place(instance: Instance) -> None:
    job = asked(instance)
    first, _ = told(instance)
    factories.reaped()
    factories.reaped()
    with transaction():
        instances.resolve(job.id, Resolution.RETRY, "once more")
    factories.rested()

    claim = factories.claimed()
    order = variables.order(Batch((claim,), forks=1))
    factories.concluded(claim, report=HEALTHY)

    again = order.instances[instance.short_id]
    assert (again["secrets"], again["previous_secrets"]) == (first["secrets"], first["previous_secrets"])
    assert had(instance) == first["secrets"]


def test_a_rotation_that_is_cancelled_in_the_queue_leaves_no_trace_of_new_secrets(instance: Instance) -> None:
    before = had(instance)
    job = asked(instance)
    with transaction():
        instances.cancel(job.id, "not now")

    assert (had(instance), rows(instance)) == (before, 2)


def test_a_rotation_that_is_lost_before_its_turn_and_cancelled_leaves_none_either(instance: Instance) -> None:
    before = had(instance)
    job = asked(instance)
    with transaction():
        assert factories.claim("worker", [factories.SITE])
    with transaction():
        jobs.cancel(job.id, "not now")
    factories.reaped()
    factories.reaped()

    assert factories.job(job.id).state is JobState.CANCELLED
    assert (had(instance), rows(instance)) == (before, 2)


def test_there_is_always_something_to_rotate_and_nothing_to_do_for_others_afterwards(instance: Instance) -> None:
    for _ in range(2):
        assert digests.current([instance.id]) == {instance.id}
        asked(instance)
        assert digests.current([instance.id]) == set()
        assert factories.carried_out(report=HEALTHY) is JobState.SUCCEEDED
        db.session.rollback()

    assert digests.current([instance.id]) == {instance.id}


def test_after_a_rotation_that_failed_it_is_not_known_what_is_in_place(instance: Instance) -> None:
    asked(instance)
    factories.carried_out(End.FAILED, KEPT)
    db.session.rollback()

    assert digests.current([instance.id]) == set()


def test_many_instances_get_secrets_of_their_own(instance: Instance) -> None:
    other = factories.instance(factories.administration("commune-b"), release="1.0")
    ids = [instance.id, other.id]
    with transaction():
        requests.ask_many(requests.Selection("complaints", ids), Action.ROTATE, "yearly")
    for _ in ids:
        factories.carried_out(report=HEALTHY)

    found = {value for each in ids for value in secrets.opened([each])[each].values()}
    assert len(found) == 4


def test_the_api_rotates_named_secrets_and_freezes_which(instance: Instance, api: Api) -> None:
    body = {"reason": "An officer left", "names": ["secret_key"]}
    dry = api.post(f"/instances/{instance.id}/rotate?dry_run=true", json=body)
    counted = rows(instance)
    answer = api.post(f"/instances/{instance.id}/rotate", json=body)
    unknown = api.post(f"/instances/{instance.id}/rotate", json={**body, "names": ["crown_jewels"]})

    assert (dry.status_code, dry.json["plan"]["secrets"], counted) == (200, ["secret_key"], 2)
    assert (answer.status_code, answer.json["action"], rows(instance)) == (202, "rotate", 3)
    assert (unknown.status_code, unknown.json["code"]) == (422, "no-such-secret")
