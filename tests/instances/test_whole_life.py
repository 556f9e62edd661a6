"""From suspension to erasure, and the way back after failures: what requests, runs and people make of an instance."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from provisioner.accounts.policy import Role
from provisioner.db import Json, db, transaction
from provisioner.instances import variables
from provisioner.instances.lifecycle import NOTICE, Action, State
from provisioner.instances.models import Instance, InstanceSecret
from provisioner.jobs import claiming
from provisioner.jobs.lifecycle import End, JobState
from provisioner.jobs.models import Job
from provisioner.requests import service as requests
from tests import factories
from tests.factories import SITE, Api
from tests.instances.lives import NOTICED, asks, now
from tests.visitors import Visitor

ERASED = {"erased": {"folders": ["/srv/x"], "database": "x", "address": "http://127.0.0.1:1"}}


def done(api: Api, instance: Instance, action: str, report: Json, end: End = End.SUCCEEDED, **body: Any) -> JobState:
    answer = asks(api, instance, action, **body)
    assert answer.status_code == 202, answer.text
    return factories.carried_out(end, report)


def erased(instance: Instance) -> JobState:
    """How the removal ends that waits; it has kept a last backup."""
    db.session.rollback()
    job = db.session.scalars(select(Job).where(Job.instance_id == instance.id, Job.state == JobState.QUEUED)).one()
    return factories.carried_out(report={**ERASED, **factories.stored(job)})


def time_passes(instance: Instance, days: int) -> None:
    with transaction():
        db.session.get_one(Instance, instance.id).removal_due_at -= timedelta(days=days)


def test_an_instance_is_suspended_and_resumed(api: Api, instance: Instance) -> None:
    states = [done(api, instance, "suspend", NOTICED), now(instance).state]
    again = asks(api, instance, "suspend")
    states += [done(api, instance, "resume", {"health": "healthy", "active_version": "1.0"}), now(instance).state]

    assert states == [JobState.SUCCEEDED, State.SUSPENDED, JobState.SUCCEEDED, State.ACTIVE]
    assert (again.status_code, again.json["code"]) == (409, "wrong-state")


def test_a_suspended_instance_is_updated_and_stays_suspended(api: Api, instance: Instance) -> None:
    done(api, instance, "suspend", NOTICED)
    asks(api, instance, "update", release="2.0")
    with transaction():
        batch = claiming.claim("worker", [SITE], 0, most=1)
        assert batch
        told = variables.order(batch).instances[instance.short_id]
    factories.concluded(batch.claims[0], report=NOTICED)

    assert told["instance"]["suspended"] is True
    assert now(instance).state is State.SUSPENDED


@pytest.mark.parametrize(("serves", "state"), [(NOTICE, JobState.FAILED), ("1.0", JobState.NEEDS_ATTENTION)])
def test_a_failed_action_on_a_suspended_instance_is_known_to_be_over_only_if_the_notice_is_back(
    api: Api, instance: Instance, serves: str, state: JobState
) -> None:
    done(api, instance, "suspend", NOTICED)

    assert done(api, instance, "resume", {**NOTICED, "active_version": serves}, End.FAILED) is state


def test_a_failed_configuration_leaves_the_settings_of_before(app: Flask, api: Api) -> None:
    days = {"name": "days", "type": "int", "default": 30}
    factories.app("open-data", parameters=(days,))
    instance = factories.instance(factories.administration(), app="open-data", release="1.0", settings={"days": 10})
    asked = asks(api, instance, "reconfigure", settings={"days": 20})
    meanwhile = now(instance).settings
    state = factories.carried_out(End.FAILED, {"health": "healthy", "active_version": "1.0"})

    assert asked.status_code == 202, asked.text
    assert (meanwhile, state) == ({"days": 20}, JobState.FAILED)
    assert now(instance).settings == {"days": 10}


def test_an_update_that_failed_is_refused_until_somebody_says_that_it_is_mended(api: Api, instance: Instance) -> None:
    done(api, instance, "update", {"health": "healthy", "active_version": "1.0"}, End.FAILED, release="2.0")
    refused = asks(api, instance, "update", release="2.0")
    pardoned = api.post(f"/instances/{instance.id}/failed-release/pardon", json={"reason": "disk is larger now"})
    accepted = asks(api, instance, "update", release="2.0")
    twice = api.post(f"/instances/{instance.id}/failed-release/pardon", json={"reason": "again"})

    assert (refused.status_code, refused.json["code"]) == (409, "known-bad-release")
    assert "1.0" in refused.json["detail"]
    assert (pardoned.status_code, accepted.status_code, twice.status_code) == (204, 202, 409)


def test_an_instance_is_removed_after_its_grace_period_and_a_certificate_says_what_is_left(
    api: Api, instance: Instance
) -> None:
    short_id = instance.short_id
    done(api, instance, "remove", NOTICED, days=10)
    suspended = now(instance)
    early = (suspended.state, suspended.removal_due_at is not None, requests.remove_due("complaints"))
    time_passes(instance, 10)
    with transaction():
        asked = requests.remove_due("complaints")
    erased(instance)
    shown = api.get(f"/instances/{instance.id}/certificate").json
    later = requests.remove_due("complaints")

    assert early == (State.SUSPENDED, True, 0)
    assert (asked, later) == (1, 0)
    assert now(instance).state is State.REMOVED
    assert shown["certificate"]["instance"]["short_id"] == short_id
    assert shown["certificate"]["erased"] == ERASED["erased"]
    assert shown["certificate"]["last_backup"]["sha256"] == "ab" * 32
    assert len(shown["digest"]) == 64
    assert db.session.scalar(select(func.count()).where(InstanceSecret.instance_id == instance.id)) == 0


def test_a_removal_without_grace_begins_when_the_instance_is_suspended(api: Api, instance: Instance) -> None:
    done(api, instance, "suspend", NOTICED)

    asks(api, instance, "remove", days=0)
    assert erased(instance) is JobState.SUCCEEDED
    assert now(instance).state is State.REMOVED


LATER_THAN_EVER = "9999-12-31T23:59:59-14:00"
NO_LATER_USE = ["", None, "yesterday", "2026-01-02T03:04:05", "2025-12-31T00:00:00+00:00", LATER_THAN_EVER]


@pytest.mark.parametrize("told", NO_LATER_USE)
def test_a_check_tells_when_an_instance_was_last_used_and_never_unlearns_it(
    api: Api, instance: Instance, told: str | None
) -> None:
    healthy = {"health": "healthy", "active_version": "1.0", "drift": []}
    done(api, instance, "check", {**healthy, "last_used": "2026-01-01T01:00:00+01:00"})
    done(api, instance, "check", {**healthy, "last_used": told})

    assert api.get(f"/instances/{instance.id}").json["last_used_at"] == "2026-01-01T00:00:00+00:00"


def test_resuming_an_instance_calls_off_its_removal(api: Api, instance: Instance) -> None:
    done(api, instance, "remove", NOTICED)
    done(api, instance, "resume", {"health": "healthy", "active_version": "1.0"})

    assert (now(instance).state, now(instance).removal_due_at) == (State.ACTIVE, None)


def test_a_legal_hold_stops_the_removal_until_it_is_lifted(api: Api, instance: Instance) -> None:
    done(api, instance, "remove", NOTICED, days=1)
    api.post(f"/instances/{instance.id}/legal-hold", json={"reason": "court case 12/2026"})
    time_passes(instance, 2)
    held = requests.remove_due("complaints")
    refused = asks(api, instance, "remove", days=0)
    api.post(f"/instances/{instance.id}/legal-hold/lift", json={"reason": "judged"})
    with transaction():
        asked = requests.remove_due("complaints")

    assert (held, asked) == (0, 1)
    assert (refused.status_code, refused.json["code"]) == (409, "legal-hold")
    assert "court case 12/2026" in refused.json["detail"]


def test_a_removal_that_could_not_begin_is_tried_again_a_day_later_and_not_at_once(
    api: Api, instance: Instance
) -> None:
    done(api, instance, "remove", NOTICED, days=1)
    time_passes(instance, 1)
    with transaction():
        requests.remove_due("complaints")
    state = factories.concluded(factories.claimed(), End.FAILED, touched=False)

    assert state is JobState.FAILED
    assert requests.remove_due("complaints") == 0
    assert now(instance).state is State.SUSPENDED


def test_an_instance_that_never_served_is_removed_at_once(api: Api) -> None:
    administration = factories.administration()
    factories.asked(administration.id)
    factories.carried_out(End.FAILED, {})
    failed = db.session.scalars(select(Instance)).one()

    assert done(api, failed, "remove", ERASED) is JobState.SUCCEEDED
    assert api.get(f"/instances/{failed.id}/certificate").json["certificate"]["last_backup"] is None


def test_pages_lead_through_the_end_of_an_instance(app: Flask, api: Api, instance: Instance) -> None:
    visitor = Visitor(app, Role.OPERATOR)
    visitor.post(f"/instances/{instance.id}/actions", action="remove", days="5", reason="closed")
    factories.carried_out(report=NOTICED)
    waiting = visitor.get(f"/instances/{instance.id}").text
    visitor.post(f"/instances/{instance.id}/legal-hold", reason="<b>court</b>")
    held = visitor.get(f"/instances/{instance.id}").text
    visitor.post(f"/instances/{instance.id}/legal-hold/lift", reason="judged")
    visitor.post(f"/instances/{instance.id}/actions", action="remove", days="0", reason="now")
    erased(instance)
    removed = visitor.get(f"/instances/{instance.id}").text
    certificate = visitor.get(f"/instances/{instance.id}/certificate").text

    assert "will be erased after" in waiting
    assert "&lt;b&gt;court&lt;/b&gt;" in held
    assert f"/instances/{instance.id}/certificate" in removed
    assert "/srv/x" in certificate


def test_there_is_no_certificate_of_an_instance_that_lives(api: Api, instance: Instance) -> None:
    answer = api.get(f"/instances/{instance.id}/certificate")

    assert (answer.status_code, answer.json["code"]) == (409, "not-removed")


def test_a_sweep_of_backups_makes_way_for_people(api: Api, instance: Instance) -> None:
    factories.asked_to(Action.BACK_UP, instance.id, background=True)

    assert asks(api, instance, "suspend").status_code == 202
