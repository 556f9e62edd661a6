"""The inventory through the API: found, shown, now and as of any moment."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from provisioner.accounts.policy import Role
from provisioner.administrations import service as register
from provisioner.administrations.service import NewName
from provisioner.db import db, transaction
from provisioner.instances import queries
from provisioner.instances.lifecycle import Action, Environment
from provisioner.jobs.lifecycle import End
from provisioner.paging import PageRequest
from tests import factories
from tests.factories import Api
from tests.statements import counted


@pytest.fixture
def api(app: Flask) -> Api:
    factories.host()
    factories.app("complaints")
    factories.app("open-data")
    return Api(app, Role.VIEWER)


def moment() -> datetime:
    """Now, by the clock of the database."""
    return db.session.scalars(select(func.clock_timestamp())).one()


def found(api: Api, query: str = "", **more: Any) -> list[tuple[str, str]]:
    """The administrations and apps of a list."""
    answer = api.get("/instances", query_string=query or more)
    assert answer.status_code == 200, answer.text
    return [(each["administration"]["slug"], each["app"]["slug"]) for each in answer.json["items"]]


def test_an_instance_is_shown_with_all_that_an_inventory_knows(api: Api) -> None:
    administration = factories.administration("commune-a", fr="Commune A", ar="جماعة أ")
    instance = factories.instance(administration, release="1.0", settings={})
    update = factories.asked_to(Action.UPDATE, instance.id)

    shown = api.get(f"/instances/{instance.id}").json

    assert shown.pop("created_at") < shown.pop("health_at") < shown.pop("since")
    assert shown == {
        "id": str(instance.id),
        "short_id": instance.short_id,
        "administration": {
            "id": str(administration.id),
            "slug": "commune-a",
            "names": {"fr": "Commune A", "ar": "جماعة أ"},
        },
        "app": {
            "slug": "complaints",
            "names": {"ar": "تطبيق complaints", "fr": "App complaints", "en": "The complaints"},
        },
        "environment": "production",
        "host": "server",
        "address": "http://127.0.0.1:20000/",
        "hostname": "complaints-commune-a.apps.example",
        "state": "active",
        "activity": {"job_id": str(update.id), "action": "update", "state": "queued"},
        "desired": "2.0",
        "applied": "1.0",
        "failed": None,
        "removal_due_at": None,
        "legal_hold": None,
        "backed_up_at": None,
        "proven_at": None,
        "health": "healthy",
        "last_used_at": None,
        "settings": {},
    }


@pytest.mark.parametrize(
    ("language", "order"),
    [("fr", ["two", "three", "one"]), ("ar", ["one", "three", "two"]), ("en", ["two", "three", "one"])],
)
def test_instances_are_listed_by_the_name_of_the_administration_in_the_reader_s_language(
    api: Api, language: str, order: list[str]
) -> None:
    for slug, fr, ar in (("one", "Zagora", "أ"), ("two", "Agadir", "ي"), ("three", "Éssaouira", "ب")):
        factories.instance(factories.administration(slug, fr=fr, ar=ar))

    page = queries.find(queries.Filter(), PageRequest(), language)

    assert [row.administration for row in page.rows] == order


def test_a_walk_through_the_pages_meets_every_instance_once(api: Api) -> None:
    for _ in range(3):
        administration = factories.administration(fr="The same name")
        for app in ("complaints", "open-data"):
            factories.instance(administration, app)
    met, query = [], "page_size=4&with_total=true"

    while query:
        page = api.get("/instances", query_string=query).json
        assert page["total"] == 6
        met += [each["id"] for each in page["items"]]
        query = page["next"] and f"page_size=4&with_total=true&cursor={page['next']}"

    assert len(met) == len(set(met)) == 6


def test_instances_are_found_by_what_they_are(api: Api) -> None:
    one = factories.administration("commune-one", fr="Commune d'Aït Melloul", ar="جماعة أيت ملول")
    two = factories.administration("commune-two", identifiers={"hcp": "05.041"})
    old = factories.instance(one, release="1.0")
    factories.instance(one, environment=Environment.TRAINING)
    factories.instance(two, "open-data")
    factories.asked(two.id, "complaints")

    assert found(api, app="open-data") == [("commune-two", "open-data")]
    assert found(api, administration="hcp:05.041", state="active") == [("commune-two", "open-data")]
    assert found(api, administration=str(one.id), environment="training") == [("commune-one", "complaints")]
    assert found(api, release="1.0") == [("commune-one", "complaints")]
    assert found(api, state="planned") == [("commune-two", "complaints")]
    assert found(api, health="unknown") == [("commune-two", "complaints")]
    assert found(api, host="nowhere") == []
    assert len(found(api, host="server")) == 4
    assert set(found(api, text="ait mel")) == set(found(api, text="ايت ملول")) == {("commune-one", "complaints")}
    assert found(api, text=old.short_id) == [("commune-one", "complaints")]
    assert found(api, text="open-data-commune") == [("commune-two", "open-data")]
    assert found(api, text="%") == []


@pytest.mark.parametrize(
    "query", ["colour=red", "state=sleeping", "health=fine", "environment=moon", "as_of=yesterday"]
)
def test_a_question_that_cannot_be_asked_is_refused(api: Api, query: str) -> None:
    refused = api.get(f"/instances?{query}")

    assert (refused.status_code, refused.json["code"]) == (400, "bad-query")


def test_an_unknown_administration_in_a_filter_is_not_found(api: Api) -> None:
    assert api.get("/instances?administration=nobody").status_code == 404


def test_an_instance_whose_job_needs_a_person_is_shown_so_and_not_as_active(api: Api) -> None:
    instance = factories.instance(factories.administration("commune-a"), release="1.0")
    factories.asked_to(Action.UPDATE, instance.id)
    factories.carried_out(End.FAILED, {})

    assert api.get(f"/instances/{instance.id}").json["state"] == "needs_attention"
    assert found(api, state="needs_attention") == [("commune-a", "complaints")]
    assert found(api, state="active") == []


def test_an_unknown_instance_is_not_found(api: Api) -> None:
    for path in ("", "/history"):
        assert api.get(f"/instances/{uuid4()}{path}").status_code == 404


def test_what_has_not_changed_is_not_sent_again(api: Api) -> None:
    instance = factories.instance(factories.administration(), release="1.0")
    tag = api.get(f"/instances/{instance.id}").headers["ETag"]

    same = api.get(f"/instances/{instance.id}", headers={"If-None-Match": tag})
    factories.asked_to(Action.UPDATE, instance.id)
    other = api.get(f"/instances/{instance.id}", headers={"If-None-Match": tag})

    assert (same.status_code, same.data) == (304, b"")
    assert (other.status_code, other.headers["ETag"] != tag) == (200, True)


def test_the_history_tells_every_period_without_a_gap(api: Api) -> None:
    instance = factories.instance(factories.administration(), release="1.0")
    factories.asked_to(Action.UPDATE, instance.id)
    factories.carried_out()

    periods = api.get(f"/instances/{instance.id}/history").json["items"]

    told = [(each["state"], each["desired"], each["applied"]) for each in periods]
    assert told == [
        ("active", "2.0", "2.0"),
        ("active", "2.0", "1.0"),
        ("active", "1.0", "1.0"),
        ("planned", "1.0", None),
    ]
    assert [each["until"] for each in periods] == [None, *(each["since"] for each in periods[:-1])]


def test_the_past_is_shown_as_it_was(api: Api) -> None:
    before = moment()
    administration = factories.administration("commune-a", fr="Old name")
    instance = factories.instance(administration, release="1.0")
    then = moment()
    factories.asked_to(Action.UPDATE, instance.id)
    factories.carried_out()
    with transaction():
        register.rename(administration.id, NewName(language="fr", text="New name"))

    def shown(as_of: datetime | None) -> tuple[Any, ...]:
        one = api.get(f"/instances/{instance.id}", query_string={"as_of": as_of.isoformat()} if as_of else {}).json
        return one["administration"]["names"]["fr"], one["state"], one["desired"], one["applied"]

    assert shown(None) == ("New name", "active", "2.0", "2.0")
    assert shown(then) == ("Old name", "active", "1.0", "1.0")
    past = api.get("/instances", query_string={"as_of": then.isoformat(), "release": "1.0"}).json["items"]
    assert [(each["administration"]["names"]["fr"], each["applied"]) for each in past] == [("Old name", "1.0")]
    assert (past[0]["activity"], past[0]["health"]) == (None, None)
    assert api.get("/instances", query_string={"as_of": before.isoformat()}).json["items"] == []
    assert api.get(f"/instances/{instance.id}", query_string={"as_of": before.isoformat()}).status_code == 404


def test_a_day_means_its_end_in_morocco(api: Api) -> None:
    instance = factories.instance(factories.administration())
    after_midnight = "2025-07-10 23:30+00"
    with transaction() as session:
        for since, state in (("2025-07-01", "planned"), (after_midnight, "active")):
            period = text("UPDATE instance_period SET since = :since WHERE state = :state")
            session.execute(period, {"since": since, "state": state})

    states = [api.get(f"/instances/{instance.id}?as_of=2025-07-{day}").json["state"] for day in ("10", "11")]

    assert states == ["planned", "active"]


@pytest.mark.parametrize("as_of", [False, True])
def test_a_page_costs_the_same_number_of_statements_however_many_rows_it_has(api: Api, *, as_of: bool) -> None:
    def cost() -> int:
        query = {"as_of": moment().isoformat()} if as_of else {}
        with counted() as sent:
            assert api.get("/instances", query_string=query).status_code == 200
        return len(sent)

    factories.instance(factories.administration())
    cost()  # the first call also notes that the token was used
    few = cost()
    for _ in range(5):
        factories.instance(factories.administration())

    assert cost() == few
