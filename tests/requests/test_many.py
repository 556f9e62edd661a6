"""One request for many instances: each gets its own outcome, and a mistake in the request itself changes nothing."""

from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.administrations.models import Administration
from provisioner.catalogue.models import App
from provisioner.db import db, transaction
from provisioner.instances.lifecycle import Action, Environment
from provisioner.instances.models import Instance
from provisioner.jobs.lifecycle import Cause, End, JobState
from provisioner.requests import service
from tests import factories
from tests.factories import Api
from tests.statements import counted

UPDATE = {"app": "complaints", "action": "update", "reason": "A security release", "where": {}}


@pytest.fixture
def old(administration: Administration) -> list[Instance]:
    """Three instances, active on release 1.0."""
    return [
        factories.instance(factories.administration(), release="1.0", settings={"title": "Hello"}) for _ in range(3)
    ]


def outcomes(api: Api, request_id: str, **query: str) -> dict[str, Any]:
    """What came of the request, by instance."""
    items = api.get(f"/requests/{request_id}/outcomes", query_string=query).json["items"]
    return {item["instance_id"]: item for item in items}


def test_all_instances_of_an_app_are_updated_by_one_request(api: Api, old: list[Instance]) -> None:
    answer = api.post("/instances/actions", json=UPDATE)

    assert answer.status_code == 202
    assert answer.json["counts"] == {"accepted": 3, "unchanged": 0, "refused": 0}
    request_id = answer.json["request_id"]
    assert answer.headers["Location"] == f"/api/v1/requests/{request_id}"
    jobs = api.get(f"/jobs?request_id={request_id}").json["items"]
    kept = outcomes(api, request_id)
    assert {job["instance_id"]: job["id"] for job in jobs} == {each: kept[each]["job_id"] for each in kept}
    for _ in old:
        factories.carried_out()
    assert {api.get(f"/instances/{each.id}").json["applied"] for each in old} == {"2.0"}


def test_the_plan_names_what_is_carried_out_and_the_audit_each_job(api: Api, old: list[Instance]) -> None:
    request_id = api.post("/instances/actions", json=UPDATE).json["request_id"]

    kept = api.get(f"/requests/{request_id}").json
    told = Api(api.app, Role.AUDITOR).get("/audit/events?action=job.submit&page_size=200").json["items"]

    assert (kept["instances"], kept["release"], kept["reason"]) == (3, "2.0", UPDATE["reason"])
    assert {each["id"] for each in kept["plan"]["instances"]} == {str(each.id) for each in old}
    assert service.digest(kept["plan"]) == kept["digest"]
    assert kept["outcomes"] == {"accepted": 3, "unchanged": 0, "refused": 0}
    assert len([event for event in told if event["request_id"] == request_id]) == 3


def test_one_that_is_refused_does_not_hinder_the_others(api: Api, old: list[Instance]) -> None:
    busy, newest, _ = old
    failed = factories.asked(factories.administration().id, settings={"title": "x"})
    factories.carried_out(End.FAILED)
    factories.asked_to(Action.UPDATE, newest.id)
    factories.carried_out()
    with transaction():
        db.session.get_one(Instance, newest.id).applied_digest = None  # nobody knows what is there
    holder = factories.asked_to(Action.UPDATE, busy.id)

    answer = api.post("/instances/actions", json=UPDATE).json

    assert answer["counts"] == {"accepted": 1, "unchanged": 0, "refused": 3}
    refused = {each["instance_id"]: each for each in answer["refused"]}
    assert refused[str(busy.id)]["code"] == "operation-in-progress"
    assert refused[str(busy.id)]["job_id"] == str(holder.id)
    assert refused[str(newest.id)]["code"] == "not-newer"
    assert refused[str(newest.id)]["detail"].count("2.0") == 2
    assert refused[str(failed.instance_id)]["code"] == "wrong-state"


def test_what_is_already_as_it_shall_be_gets_no_job(api: Api, old: list[Instance]) -> None:
    api.post("/instances/actions", json=UPDATE)
    for _ in old:
        factories.carried_out()

    again = api.post("/instances/actions", json=UPDATE)

    assert again.status_code == 202
    assert again.json["counts"] == {"accepted": 0, "unchanged": 3, "refused": 0}
    assert {each["instance_id"] for each in again.json["unchanged"]} == {str(each.id) for each in old}
    assert api.get(f"/jobs?request_id={again.json['request_id']}").json["items"] == []


def test_instances_can_be_named(api: Api, old: list[Instance]) -> None:
    named = {**UPDATE, "instances": [str(each.id) for each in old[:2]] + [str(old[0].id)]}
    del named["where"]

    answer = api.post("/instances/actions", json=named).json

    assert answer["counts"]["accepted"] == 2
    assert set(outcomes(api, answer["request_id"])) == {str(each.id) for each in old[:2]}


def test_instances_can_be_found_by_what_they_are(api: Api, old: list[Instance]) -> None:
    region = factories.administration("region-a", "region")
    inside = factories.administration("inside", territory=str(region.id))
    there = factories.instance(inside, release="1.0", settings={"title": "Hello"})
    training = factories.instance(inside, release="2.0", settings={"title": "Hello"}, environment=Environment.TRAINING)

    for where, found in (
        ({"region": "region-a"}, {there, training}),
        ({"region": "region-a", "release": "1.0"}, {there}),
        ({"environment": "training"}, {training}),
        ({"administration": "inside", "host": "server", "health": "healthy"}, {there, training}),
    ):
        answer = api.post("/instances/actions?dry_run=true", json={**UPDATE, "action": "check", "where": where})

        assert answer.status_code == 200, where
        assert answer.json["counts"]["accepted"] == len(found), where


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({"app": "unknown"}, 404, "not-found"),
    ({"release": "9.9"}, 404, "not-found"),
    ({"where": {"environment": "training"}}, 422, "nothing-selected"),
    ({"where": {"administration": "nobody"}}, 404, "not-found"),
    ({"where": {"colour": "red"}}, 422, "invalid"),
    ({"instances": []}, 422, "invalid"),
    ({"instances": [str(uuid4())]}, 422, "invalid"),  # beside `where`
    ({"where": None}, 422, "invalid"),
    ({"action": "provision"}, 422, "invalid"),
    ({"reason": ""}, 422, "invalid"),
]


@pytest.mark.parametrize(("wrong", "status", "code"), WRONG)
def test_a_mistake_in_the_request_changes_nothing(
    api: Api, old: list[Instance], wrong: Any, status: int, code: str
) -> None:
    before = factories.row_counts()

    refused = api.post("/instances/actions", json={**UPDATE, **wrong})

    assert (refused.status_code, refused.json["code"]) == (status, code)
    assert {**factories.row_counts(), "idempotency_key": 0} == before


def test_an_unknown_instance_among_the_named_ones_changes_nothing(api: Api, old: list[Instance]) -> None:
    named = {key: value for key, value in UPDATE.items() if key != "where"}
    before = factories.row_counts()

    refused = api.post("/instances/actions", json={**named, "instances": [str(old[0].id), str(uuid4())]})

    assert (refused.status_code, refused.json["code"]) == (404, "not-found")
    assert {**factories.row_counts(), "idempotency_key": 0} == before


def test_an_action_that_the_app_does_not_offer_is_refused_as_a_whole(api: Api, old: list[Instance]) -> None:
    with transaction() as session:
        app = session.get_one(App, old[0].app_id)
        app.manifest = {**app.manifest, "actions": ["provision", "check"]}

    refused = api.post("/instances/actions", json=UPDATE)

    assert (refused.status_code, refused.json["code"]) == (409, "not-offered")


def test_too_many_instances_are_refused(api: Api, old: list[Instance], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST", 2)

    refused = api.post("/instances/actions", json=UPDATE)

    assert (refused.status_code, refused.json["code"], refused.json["most"]) == (422, "too-many-instances", 2)


def test_a_dry_run_counts_and_keeps_nothing(api: Api, old: list[Instance]) -> None:
    before = factories.row_counts()

    answer = api.post("/instances/actions?dry_run=true", key=None, json=UPDATE)

    assert (answer.status_code, answer.json["counts"]["accepted"]) == (200, 3)
    assert factories.row_counts() == before


def test_a_call_that_is_sent_twice_acts_once(api: Api, old: list[Instance]) -> None:
    first = api.post("/instances/actions", key="fleet-1", json=UPDATE)
    second = api.post("/instances/actions", key="fleet-1", json=UPDATE)

    assert second.json == first.json
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(api.get("/jobs?state=queued").json["items"]) == 3


def test_checks_of_many_are_a_sweep_that_gives_way(api: Api, old: list[Instance]) -> None:
    api.post("/instances/actions", json={**UPDATE, "action": "check"})
    factories.claimed()  # one of them runs

    answer = api.post("/instances/actions", json=UPDATE).json

    assert answer["counts"] == {"accepted": 3, "unchanged": 0, "refused": 0}
    jobs = [factories.job(job["id"]) for job in api.get("/jobs?page_size=200").json["items"]]
    checks = [job for job in jobs if job.action == "check"]
    assert {(job.state, job.cause, job.giving_way) for job in checks} == {
        (JobState.CANCELLED, Cause.GAVE_WAY, False),
        (JobState.RUNNING, None, True),
    }
    assert all(job.background for job in checks)


def test_outcomes_are_read_page_by_page(api: Api, old: list[Instance]) -> None:
    request_id = api.post("/instances/actions", json=UPDATE).json["request_id"]

    first = api.get(f"/requests/{request_id}/outcomes?page_size=2&outcome=accepted").json
    last = api.get(f"/requests/{request_id}/outcomes?page_size=2&outcome=accepted&cursor={first['next']}").json

    assert [len(first["items"]), len(last["items"]), last["next"]] == [2, 1, None]
    assert len({item["instance_id"] for item in first["items"] + last["items"]}) == 3
    assert outcomes(api, request_id, outcome="refused") == {}


def test_the_database_is_asked_the_same_number_of_questions_however_many_they_are(
    api: Api, old: list[Instance]
) -> None:
    ids = [str(each.id) for each in old]
    named = {key: value for key, value in UPDATE.items() if key != "where"}
    api.get("/me")  # the first use of a token in a while is noted
    with counted() as few:
        api.post("/instances/actions", json={**named, "instances": ids[:1]})
    with counted() as many:
        api.post("/instances/actions", json={**named, "instances": ids[1:]})

    assert len(many) == len(few)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.APPROVER, Role.AUDITOR])
def test_who_may_not_operate_asks_for_nothing(app: Flask, old: list[Instance], role: Role) -> None:
    refused = Api(app, role).post("/instances/actions", json=UPDATE)

    assert (refused.status_code, refused.json["code"]) == (403, "not-allowed")
