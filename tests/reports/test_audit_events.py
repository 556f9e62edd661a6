"""The audit through the API: who did what, for those who may know."""

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from tests import factories
from tests.factories import Api


@pytest.fixture
def operator(app: Flask) -> Api:
    factories.host()
    factories.app()
    return Api(app, Role.OPERATOR)


@pytest.fixture
def auditor(app: Flask) -> Api:
    return Api(app, Role.AUDITOR)


def test_an_act_is_found_with_who_did_it_why_and_through_which_door(operator: Api, auditor: Api) -> None:
    administration = factories.administration("commune-a")
    wish = {"administration": "commune-a", "app": "complaints", "reason": "They asked."}
    job = operator.post("/requests", json=wish, headers={"X-Request-ID": "call-7"}).json

    event = auditor.get("/audit/events?action=request.approve").json["items"][0]

    assert (event["actor"], event["actor_id"]) == (operator_name(operator), str(operator.account.id))
    assert (event["via"], event["correlation_id"], event["reason"]) == ("api", "call-7", "They asked.")
    assert (event["object_type"], event["object_id"]) == ("request", job["request_id"])
    assert event["administration_id"] == str(administration.id)


def operator_name(operator: Api) -> str:
    return operator.account.identity.username


def test_events_are_listed_page_by_page_the_newest_first(operator: Api, auditor: Api) -> None:
    administration = factories.administration("commune-a")
    factories.instance(administration)

    first = auditor.get("/audit/events?administration=commune-a&page_size=2").json
    rest = auditor.get(f"/audit/events?administration=commune-a&page_size=2&cursor={first['next']}").json

    ids = [event["id"] for event in first["items"] + rest["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 4
    assert {event["administration_id"] for event in first["items"]} == {str(administration.id)}


def test_everything_about_one_object_is_found(operator: Api, auditor: Api) -> None:
    instance = factories.instance(factories.administration())

    events = auditor.get(f"/audit/events?object_type=instance&object_id={instance.id}").json["items"]

    assert [event["action"] for event in events] == ["instance.provision", "instance.plan"]
    assert (events[0]["before"], events[0]["after"]) == ({"state": "planned"}, {"state": "active"})


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AUDITOR])
def test_only_auditors_read_the_audit(app: Flask, role: Role) -> None:
    refused = Api(app, role).get("/audit/events")

    assert (refused.status_code, refused.json["code"]) == (403, "not-allowed")
