"""A call that is sent twice acts once, and is answered the same twice."""

from typing import Any

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.administrations.models import Administration
from provisioner.db import transaction
from provisioner.instances.lifecycle import Action
from provisioner.requests import idempotency
from provisioner.requests.idempotency import Answer, KeyInUse
from tests import factories
from tests.factories import Api
from tests.threads import in_threads

WISH = {"administration": "commune-a", "app": "complaints", "settings": {"title": "Hello"}, "reason": "They asked."}


def test_the_same_call_with_the_same_key_gets_the_same_answer(api: Api, administration: Administration) -> None:
    first = api.post("/requests", key="one", json=WISH)
    before = factories.row_counts()
    factories.carried_out()

    second = api.post("/requests", key="one", json=dict(reversed(WISH.items())))

    assert (second.status_code, second.json) == (202, first.json)
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert factories.row_counts()["job"] == before["job"] == 1


def test_a_key_that_was_used_for_another_call_is_refused(api: Api, administration: Administration) -> None:
    api.post("/requests", key="one", json=WISH)
    before = factories.row_counts()

    refused = api.post("/requests", key="one", json={**WISH, "reason": "Another."})

    assert (refused.status_code, refused.json["code"]) == (422, "idempotency-key-reused")
    assert factories.row_counts() == before


@pytest.mark.parametrize("odd", ["half a character: \ud800", 2**64, 10**30])
def test_a_call_that_holds_what_nobody_can_keep_is_refused_and_leaves_nothing(
    api: Api, administration: Administration, odd: Any
) -> None:
    before = factories.row_counts()
    for wish in ({**WISH, "settings": {"days": odd, "title": "x"}}, {**WISH, "reason": odd}):
        assert api.post("/requests", key="one", json=wish).status_code == 422
    after = factories.row_counts()

    assert {table for table in after if after[table] != before[table]} <= {"idempotency_key"}


def test_the_same_body_for_another_instance_is_another_call(api: Api, administration: Administration) -> None:
    instances = [
        factories.instance(each, settings={"title": "x"}) for each in (administration, factories.administration())
    ]

    answers = [api.post(f"/instances/{each.id}/check", key="one", json={"reason": "x"}) for each in instances]

    assert [answer.status_code for answer in answers] == [202, 422]


@pytest.mark.parametrize("key", [None, "", "x" * 256])
def test_a_token_needs_a_key(api: Api, administration: Administration, key: str | None) -> None:
    before = factories.row_counts()
    headers = {} if key is None else {"Idempotency-Key": key}

    refused = api.call("POST", "/requests", headers=headers, json=WISH)

    assert (refused.status_code, refused.json["code"]) == (400, "idempotency-key-missing")
    assert factories.row_counts() == before


def test_two_callers_can_use_the_same_key(app: Flask, api: Api, administration: Administration) -> None:
    factories.administration("commune-b")
    other = Api(app, Role.OPERATOR)

    answers = [
        api.post("/requests", key="one", json=WISH),
        other.post("/requests", key="one", json={**WISH, "administration": "commune-b"}),
    ]

    assert [answer.status_code for answer in answers] == [202, 202]


def test_a_refusal_that_would_come_again_is_kept_but_nothing_of_the_act(
    api: Api, administration: Administration
) -> None:
    before = factories.row_counts()

    first = api.post("/requests", key="one", json={**WISH, "app": "unknown"})
    factories.app("unknown")
    second = api.post("/requests", key="one", json={**WISH, "app": "unknown"})

    assert (first.status_code, second.status_code) == (404, 404)
    assert (second.json, second.content_type) == (first.json, "application/problem+json")
    assert second.headers["Idempotent-Replayed"] == "true"
    after = factories.row_counts()
    assert after["idempotency_key"] == before["idempotency_key"] + 1
    assert {table: after[table] for table in ("request", "job", "instance")} == {"request": 0, "job": 0, "instance": 0}


def test_a_refusal_of_the_moment_is_not_kept(api: Api, administration: Administration) -> None:
    instance = factories.instance(administration, settings={"title": "x"})
    factories.asked_to(Action.CHECK, instance.id)
    busy = api.post(f"/instances/{instance.id}/check", key="one", json={"reason": "x"})
    factories.carried_out()

    later = api.post(f"/instances/{instance.id}/check", key="one", json={"reason": "x"})

    assert (busy.status_code, later.status_code) == (409, 202)


def test_the_same_key_at_the_same_time_is_told_to_come_back(app: Flask, api: Api) -> None:
    given = idempotency.key(api.account.id, "one", ["call"])
    refusals: list[KeyInUse] = []

    def second() -> None:
        with pytest.raises(KeyInUse) as refused, transaction():
            idempotency.once(given, lambda: Answer(202, {}), lambda _: Answer(404, {}))
        refusals.append(refused.value)

    def act() -> Answer:
        in_threads(app, [second])
        return Answer(202, {"first": True})

    with transaction():
        assert idempotency.once(given, act, lambda _: Answer(404, {})).body == {"first": True}

    assert [(each.status, each.code) for each in refusals] == [(409, "idempotency-key-in-use")]


def test_a_dry_run_uses_up_no_key(api: Api, administration: Administration) -> None:
    api.post("/requests?dry_run=true", key="one", json=WISH)

    answer = api.post("/requests", key="one", json=WISH)

    assert answer.status_code == 202
    assert "Idempotent-Replayed" not in answer.headers
