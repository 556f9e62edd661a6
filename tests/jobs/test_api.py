"""Jobs through the API: read, read along, cancel, settle."""

from uuid import uuid4

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.administrations.models import Administration
from provisioner.db import transaction
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs.events import Event
from provisioner.jobs.lifecycle import End
from provisioner.jobs.models import Job
from tests import factories
from tests.factories import Api


@pytest.fixture
def api(app: Flask) -> Api:
    return Api(app, Role.OPERATOR)


def test_jobs_are_listed_page_by_page_the_newest_first(api: Api, administration: Administration) -> None:
    asked = [str(factories.asked(factories.administration().id).id) for _ in range(3)]

    first = api.get("/jobs?page_size=2&with_total=true")
    second = api.get(f"/jobs?page_size=2&cursor={first.json['next']}")

    assert [job["id"] for job in first.json["items"] + second.json["items"]] == asked[::-1]
    assert (first.json["total"], second.json["next"]) == (3, None)
    assert first.headers["Link"].startswith("</api/v1/jobs?page_size=2&with_total=true&cursor=")
    assert "Link" not in second.headers


def test_a_cursor_opens_no_other_list(api: Api, administration: Administration) -> None:
    for _ in range(2):
        factories.asked(factories.administration().id)
    cursor = api.get("/jobs?page_size=1").json["next"]

    refused = api.get(f"/jobs?page_size=1&state=queued&cursor={cursor}")

    assert (refused.status_code, refused.json["code"]) == (422, "invalid")


def test_jobs_are_found_by_state_instance_and_request(api: Api, instance: Instance) -> None:
    check = factories.asked_to(Action.CHECK, instance.id)
    other = factories.asked(factories.administration().id)

    def found(query: str) -> set[str]:
        return {job["id"] for job in api.get(f"/jobs?{query}").json["items"]}

    assert found("state=queued") == {str(check.id), str(other.id)}
    assert found(f"instance_id={instance.id}&state=queued") == {str(check.id)}
    assert found(f"request_id={other.request_id}") == {str(other.id)}


@pytest.mark.parametrize(
    "query", ["colour=red", "state=asleep", "instance_id=7", "page_size=0", "page_size=201", "page_size=many"]
)
def test_a_list_that_cannot_be_asked_for_is_refused(api: Api, query: str) -> None:
    refused = api.get(f"/jobs?{query}")

    assert (refused.status_code, refused.json["code"]) == (400, "bad-query")
    assert [fault["pointer"] for fault in refused.json["errors"]] == [f"/{query.split('=', maxsplit=1)[0]}"]
    assert refused.content_type == "application/problem+json"


def test_a_job_says_what_it_is_about_and_how_many_wait_before_it(api: Api, administration: Administration) -> None:
    factories.worker()
    factories.asked(factories.administration().id)
    asked = factories.asked(administration.id, release="1.0")

    job = api.get(f"/jobs/{asked.id}").json

    assert (job["action"], job["release"], job["state"]) == ("provision", "1.0", "queued")
    assert (job["waits"]["reason"], job["waits"]["ahead"]) == ("turn", 1)
    assert job["instance_id"] == str(asked.instance_id)


def test_a_job_that_has_ended_stays_readable(api: Api, administration: Administration) -> None:
    asked = factories.asked(administration.id)
    factories.carried_out(report={"health": "healthy", "url": "http://x/"})

    job = api.get(f"/jobs/{asked.id}").json

    assert (job["state"], job["waits"], job["report"]["url"]) == ("succeeded", None, "http://x/")
    assert job["finished_at"] is not None


@pytest.mark.parametrize("path", ["", "/events"])
def test_an_unknown_job_is_not_found(api: Api, path: str) -> None:
    refused = api.get(f"/jobs/{uuid4()}{path}")

    assert (refused.status_code, refused.json["code"]) == (404, "not-found")


def test_events_are_read_on_from_where_one_stopped_until_the_job_has_ended(
    api: Api, administration: Administration
) -> None:
    factories.asked(administration.id)
    claim = factories.claimed()
    with transaction():
        factories.said(
            claim, [Event(1, "playbook_on_task_start", "TASK [one]", task="one"), Event(2, "verbose", "two")]
        )

    first = api.get(f"/jobs/{claim.job_id}/events").json
    with transaction():
        factories.said(claim, [Event(3, "verbose", "three")])
    factories.concluded(claim)
    rest = api.get(f"/jobs/{claim.job_id}/events?after={first['next']}").json

    assert [(event["counter"], event["stdout"]) for event in first["items"]] == [(1, "TASK [one]"), (2, "two")]
    assert (first["next"], first["complete"]) == ("1-2", False)
    assert [event["stdout"] for event in rest["items"]] == ["three"]
    assert (rest["next"], rest["complete"]) == ("1-3", True)


def test_a_queued_job_is_cancelled(api: Api, instance: Instance) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)

    answer = api.post(f"/jobs/{update.id}/cancel", json={"reason": "wrong day"})

    assert (answer.status_code, answer.json["state"], answer.json["cause"]) == (200, "cancelled", "cancelled")


def test_a_dry_run_of_a_cancellation_shows_it_and_keeps_nothing(api: Api, instance: Instance) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)
    before = factories.row_counts()

    answer = api.post(f"/jobs/{update.id}/cancel?dry_run=true", json={"reason": "wrong day"})

    assert answer.json["state"] == "cancelled"
    assert factories.row_counts() == before
    assert factories.job(update.id).state == "queued"


@pytest.fixture
def stuck(instance: Instance) -> Job:
    """An update whose outcome is unknown."""
    update = factories.asked_to(Action.UPDATE, instance.id)
    factories.carried_out(End.FAILED, {})
    return update


@pytest.mark.parametrize(
    ("resolution", "state", "version"),
    [("retry", "queued", "1.0"), ("succeeded", "succeeded", "2.0"), ("failed", "failed", "1.0")],
)
def test_a_job_that_needs_attention_is_settled(api: Api, stuck: Job, resolution: str, state: str, version: str) -> None:
    assert api.get(f"/instances/{stuck.instance_id}").json["state"] == "needs_attention"

    answer = api.post(f"/jobs/{stuck.id}/resolve", json={"resolution": resolution, "reason": "I looked"})

    assert (answer.status_code, answer.json["state"]) == (200, state)
    instance = api.get(f"/instances/{stuck.instance_id}").json
    assert (instance["state"], instance["applied"]) == ("active", version)


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("cancel", {}, "invalid"),
        ("cancel", {"reason": ""}, "invalid"),
        ("cancel", {"reason": "x"}, "conflict"),
        ("resolve", {"resolution": "maybe", "reason": "x"}, "invalid"),
        ("resolve", {"resolution": "retry"}, "invalid"),
        ("resolve", {"resolution": "retry", "reason": "x", "colour": "red"}, "invalid"),
    ],
)
def test_what_cannot_be_said_of_a_job_is_refused_and_leaves_no_trace(
    api: Api, stuck: Job, path: str, body: dict[str, str], code: str
) -> None:
    before = factories.row_counts()

    refused = api.post(f"/jobs/{stuck.id}/{path}", json=body)

    assert (refused.status_code in {409, 422}, refused.json["code"]) == (True, code)
    assert factories.row_counts() == before


def test_who_may_only_look_cannot_cancel(app: Flask, instance: Instance) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)

    refused = Api(app, Role.VIEWER).post(f"/jobs/{update.id}/cancel", json={"reason": "x"})

    assert (refused.status_code, refused.json["code"]) == (403, "not-allowed")
    assert factories.job(update.id).state == "queued"


def test_nobody_reads_jobs_without_saying_who_they_are(app: Flask) -> None:
    refused = Api(app).get("/jobs")

    assert (refused.status_code, refused.json["code"]) == (401, "not-authenticated")
