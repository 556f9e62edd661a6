"""Many who want the same thing at the same moment: one gets it, the others hear who did."""

from collections import Counter
from typing import Any

from flask import Flask
from sqlalchemy import func, select, text

from provisioner.administrations.models import Administration
from provisioner.db import db, transaction
from provisioner.instances import service as instances
from provisioner.instances.beginning import Outcome as Kind
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs.attempts import Outcome
from provisioner.jobs.lifecycle import End, JobState
from provisioner.jobs.models import Job
from provisioner.requests import queries, service
from tests import factories
from tests.factories import Api
from tests.threads import in_threads

RACERS = 50


def test_fifty_actions_at_once_on_one_instance_one_is_accepted_and_names_itself_to_the_others(
    app: Flask, api: Api, administration: Administration
) -> None:
    instance_id = factories.instance(administration, settings={"title": "x"}).id
    answers: list[Any] = []

    def ask() -> None:
        answers.append(api.post(f"/instances/{instance_id}/check", json={"reason": "x"}))

    in_threads(app, [ask] * RACERS)

    assert Counter(answer.status_code for answer in answers) == {202: 1, 409: RACERS - 1}
    accepted = next(answer.json["id"] for answer in answers if answer.status_code == 202)
    refused = [answer.json for answer in answers if answer.status_code == 409]
    assert {each["code"] for each in refused} == {"operation-in-progress"}
    assert {each["job_id"] for each in refused} == {accepted}


def test_fifty_wishes_at_once_for_the_same_new_instance_one_is_granted(
    app: Flask, api: Api, administration: Administration
) -> None:
    answers: list[Any] = []
    wish = {"administration": "commune-a", "app": "complaints", "settings": {"title": "x"}, "reason": "now"}

    in_threads(app, [lambda: answers.append(api.post("/requests", json=wish))] * RACERS)

    assert Counter(answer.status_code for answer in answers) == {202: 1, 409: RACERS - 1}
    assert db.session.scalar(select(func.count()).select_from(Instance)) == 1
    assert db.session.scalar(select(func.count()).select_from(Job)) == 1


def test_fifty_repetitions_of_one_call_act_once(app: Flask, api: Api, administration: Administration) -> None:
    answers: list[Any] = []
    wish = {"administration": "commune-a", "app": "complaints", "settings": {"title": "x"}, "reason": "now"}

    in_threads(app, [lambda: answers.append(api.post("/requests", key="the same", json=wish))] * RACERS)

    codes = {answer.json.get("code") for answer in answers if answer.status_code != 202}
    assert codes <= {"idempotency-key-in-use"}
    assert len({answer.json["id"] for answer in answers if answer.status_code == 202}) == 1
    assert db.session.scalar(select(func.count()).select_from(Job)) == 1


def test_work_under_way_ends_while_a_request_for_many_is_being_accepted(
    app: Flask, administration: Administration
) -> None:
    made = [factories.instance(factories.administration(), release="1.0", settings={"title": "x"}) for _ in range(2)]
    busy, free = (instance.id for instance in made)
    factories.asked_to(Action.UPDATE, busy)
    claim = factories.claimed()
    ended: list[JobState] = []

    def end() -> None:
        with transaction() as session:
            session.execute(text("SET LOCAL lock_timeout = '2s'"))
            outcome = Outcome(End.SUCCEEDED, touched=True, report={}, events_emitted=0)
            ended.extend(instances.conclude({claim: outcome}).values())

    with transaction():
        which = service.Selection("complaints", [busy, free])
        request_id = service.ask_many(which, Action.UPDATE, "A security release").id
        in_threads(app, [end])

    assert ended == [JobState.SUCCEEDED]
    assert queries.counts(request_id) == {Kind.ACCEPTED: 1, Kind.UNCHANGED: 0, Kind.REFUSED: 1}
