"""Asking through the API: what is accepted, what is refused, and that nothing is left behind by what is refused."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.administrations.models import Administration
from provisioner.db import db
from provisioner.instances.models import Instance
from provisioner.jobs.lifecycle import End
from provisioner.requests.models import Request
from tests import factories
from tests.factories import Api

WISH = {"administration": "commune-a", "app": "complaints", "settings": {"title": "Hello"}, "reason": "They asked."}


@pytest.fixture
def instance(administration: Administration) -> Instance:
    """An instance, active on release 1.0."""
    return factories.instance(administration, release="1.0", settings={"title": "Hello"})


def test_an_instance_is_asked_for_and_a_job_provisions_it(api: Api, administration: Administration) -> None:
    answer = api.post("/requests", json=WISH)

    assert answer.status_code == 202
    job = answer.json
    assert (job["action"], job["state"]) == ("provision", "queued")
    assert answer.headers["Location"] == answer.headers["Operation-Location"] == f"/api/v1/jobs/{job['id']}"
    assert answer.headers["Retry-After"] == "1"
    factories.carried_out()
    made = api.get(f"/instances/{job['instance_id']}").json
    assert (made["state"], made["applied"], made["settings"]) == ("active", "2.0", {"title": "Hello", "days": 30})
    assert made["hostname"] == "complaints-commune-a.apps.example"


def test_two_instances_whose_names_would_be_the_same_are_refused_the_second_time(
    api: Api, administration: Administration
) -> None:
    factories.administration("commune-a-training")
    first = api.post("/requests", json={**WISH, "administration": "commune-a-training"}).json
    before = factories.row_counts()

    refused = api.post("/requests", json={**WISH, "environment": "training"})

    assert (refused.status_code, refused.json["code"]) == (409, "conflict")
    assert refused.json["instance_id"] == first["instance_id"]
    assert factories.row_counts() == before


def test_a_name_that_no_host_can_have_is_refused(api: Api, administration: Administration) -> None:
    app, label = "a" * 32, "b" * 30
    factories.app(app)
    factories.administration(label)
    wish = {"administration": label, "app": app, "reason": "They asked."}

    assert api.post("/requests", json=wish).status_code == 202
    before = factories.row_counts()
    refused = api.post("/requests", json={**wish, "environment": "training"})

    assert (refused.status_code, refused.json["code"]) == (409, "conflict")
    assert factories.row_counts() == before


@pytest.mark.parametrize("naming", ["id", "slug", "identifier"])
def test_an_administration_is_named_by_id_label_or_code(api: Api, administration: Administration, naming: str) -> None:
    names = {"id": str(administration.id), "slug": "commune-a", "identifier": "hcp:09.1"}

    answer = api.post("/requests", json={**WISH, "administration": names[naming]})

    assert answer.status_code == 202
    made = db.session.get_one(Instance, UUID(answer.json["instance_id"]))
    assert made.administration_id == administration.id


def test_release_and_environment_can_be_chosen(api: Api, administration: Administration) -> None:
    answer = api.post("/requests", json={**WISH, "release": "1.0", "environment": "training"})

    made = api.get(f"/instances/{answer.json['instance_id']}").json
    assert (made["desired"], made["environment"]) == ("1.0", "training")
    assert made["hostname"] == "complaints-commune-a-training.apps.example"


def test_the_request_is_kept_with_its_plan_and_who_asked(api: Api, administration: Administration) -> None:
    job = api.post("/requests", json=WISH).json

    kept = api.get(f"/requests/{job['request_id']}").json

    assert (kept["reason"], kept["decision"], kept["requester"]) == ("They asked.", "approved", "Amina")
    assert (kept["plan"]["action"], kept["plan"]["release"]) == ("provision", "2.0")
    assert kept["plan"]["instances"][0]["settings"] == {"title": "Hello", "days": 30}
    assert [each["id"] for each in api.get("/requests").json["items"]] == [kept["id"]]
    assert db.session.get_one(Request, UUID(kept["id"])).requested_by == api.account.id


WRONG: list[tuple[dict[str, Any], int, str, list[str]]] = [
    ({"administration": "commune-z"}, 404, "not-found", []),
    ({"administration": "hcp:77"}, 404, "not-found", []),
    ({"app": "unknown"}, 404, "not-found", []),
    ({"release": "9.9"}, 404, "not-found", []),
    ({"settings": {}}, 422, "invalid", ["/settings/title"]),
    ({"settings": {"title": "x" * 21, "days": 91}}, 422, "invalid", ["/settings/title", "/settings/days"]),
    ({"settings": {"title": "x", "ansible_user": "root"}}, 422, "invalid", ["/settings/ansible_user"]),
    ({"environment": "moon"}, 422, "invalid", ["/environment"]),
    ({"reason": ""}, 422, "invalid", ["/reason"]),
    ({"reason": None}, 422, "invalid", ["/reason"]),
    ({"colour": "red"}, 422, "invalid", ["/colour"]),
]


@pytest.mark.parametrize(("wrong", "status", "code", "pointers"), WRONG)
def test_a_wish_that_cannot_be_granted_is_refused_and_leaves_no_trace(
    api: Api, administration: Administration, wrong: Any, status: int, code: str, pointers: list[str]
) -> None:
    before = factories.row_counts()

    refused = api.post("/requests?dry_run=true", json={**WISH, **wrong})
    again = api.post("/requests", json={**WISH, **wrong})

    assert (refused.status_code, refused.json["code"]) == (status, code) == (again.status_code, again.json["code"])
    assert sorted(fault["pointer"] for fault in refused.json["errors"]) == sorted(pointers)
    assert refused.content_type == "application/problem+json"
    assert {**factories.row_counts(), "idempotency_key": 0} == before


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"'])
def test_what_is_no_json_object_is_refused(api: Api, administration: Administration, body: bytes) -> None:
    before = factories.row_counts()

    refused = api.post("/requests", data=body, content_type="application/json")

    assert (refused.status_code, refused.json["code"]) == (422, "invalid")
    assert factories.row_counts() == before


def test_a_dry_run_shows_the_plan_and_keeps_nothing(api: Api, administration: Administration) -> None:
    before = factories.row_counts()

    answer = api.post("/requests?dry_run=true", key=None, json=WISH)

    assert answer.status_code == 200
    assert answer.json["plan"]["instances"][0]["settings"] == {"title": "Hello", "days": 30}
    assert factories.row_counts() == before


def test_a_second_instance_of_the_same_app_is_refused_and_names_the_first(api: Api, instance: Instance) -> None:
    refused = api.post("/requests", json=WISH)

    assert (refused.status_code, refused.json["code"]) == (409, "conflict")
    assert refused.json["instance_id"] == str(instance.id)


def test_an_update_goes_to_the_newest_release_unless_one_is_named(api: Api, instance: Instance) -> None:
    answer = api.post(f"/instances/{instance.id}/update", json={"reason": "new"})

    assert answer.status_code == 202
    assert api.get(f"/jobs/{answer.json['id']}").json["release"] == "2.0"
    busy = api.get(f"/instances/{instance.id}").json
    assert busy["activity"] == {"job_id": answer.json["id"], "action": "update", "state": "queued"}


@pytest.mark.parametrize(("release", "status", "code"), [("1.0", 409, "not-newer"), ("0.9", 404, "not-found")])
def test_an_update_never_goes_backwards_or_nowhere(
    api: Api, administration: Administration, release: str, status: int, code: str
) -> None:
    instance = factories.instance(administration, release="2.0", settings={"title": "Hello"})
    before = factories.row_counts()

    refused = api.post(f"/instances/{instance.id}/update", json={"reason": "new", "release": release})

    assert (refused.status_code, refused.json["code"]) == (status, code)
    assert {**factories.row_counts(), "idempotency_key": 0} == before


def test_a_second_action_on_a_busy_instance_is_refused_and_names_the_holder(api: Api, instance: Instance) -> None:
    holder = api.post(f"/instances/{instance.id}/update", json={"reason": "new"}).json
    before = factories.row_counts()

    refused = api.post(f"/instances/{instance.id}/check", json={"reason": "audit"})

    assert (refused.status_code, refused.json["code"]) == (409, "operation-in-progress")
    assert (refused.json["job_id"], refused.json["action"]) == (holder["id"], "update")
    assert factories.row_counts() == before


def test_a_first_provisioning_that_failed_can_be_tried_again(api: Api, administration: Administration) -> None:
    job = api.post("/requests", json=WISH).json
    factories.carried_out(End.FAILED)

    again = api.post(f"/instances/{job['instance_id']}/provision", json={"reason": "mended"})

    assert again.status_code == 202
    factories.carried_out()
    assert api.get(f"/instances/{job['instance_id']}").json["state"] == "active"


def test_an_active_instance_cannot_be_provisioned_again(api: Api, instance: Instance) -> None:
    refused = api.post(f"/instances/{instance.id}/provision", json={"reason": "why not"})

    assert (refused.status_code, refused.json["code"]) == (409, "wrong-state")


def test_an_unknown_instance_is_not_found(api: Api, administration: Administration) -> None:
    assert api.post(f"/instances/{uuid4()}/check", json={"reason": "x"}).status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.APPROVER, Role.AUDITOR])
def test_who_may_not_operate_cannot_ask_for_anything(app: Flask, administration: Administration, role: Role) -> None:
    caller = Api(app, role)
    before = factories.row_counts()

    refused = caller.post("/requests", json=WISH)

    assert (refused.status_code, refused.json["code"]) == (403, "not-allowed")
    assert factories.row_counts() == before
