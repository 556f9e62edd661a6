"""Which apps does each administration run: the auditor's question, as pages and as a file."""

import csv
import io
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from provisioner.accounts.policy import Role
from provisioner.db import db, transaction
from provisioner.instances.lifecycle import Action
from provisioner.reports import queries
from tests import factories
from tests.factories import Api
from tests.statements import counted


@pytest.fixture
def api(app: Flask) -> Api:
    """A region with two communes below it: one runs both apps, one only `open-data`; and a ministry that runs none."""
    factories.host()
    factories.app("complaints")
    factories.app("open-data")
    factories.administration("region-x", "region")
    factories.administration("province-x", "province", parent="region-x")
    both = factories.administration("commune-both", parent="province-x", fr="Commune B")
    one = factories.administration("commune-one", parent="province-x", fr="Commune A")
    factories.administration("ministry", "ministry")
    factories.instance(both, "complaints", release="1.0")
    factories.instance(both, "open-data")
    factories.instance(one, "open-data")
    return Api(app, Role.AUDITOR)


def rows(api: Api, **query: Any) -> list[tuple[str, str | None]]:
    answer = api.get("/reports/inventory", query_string=query)
    assert answer.status_code == 200, answer.text
    return [(row["administration"]["slug"], row["app"] and row["app"]["slug"]) for row in answer.json["items"]]


def now() -> datetime:
    return db.session.scalars(select(func.clock_timestamp())).one()


EVERYTHING = [("commune-one", "open-data"), ("commune-both", "complaints"), ("commune-both", "open-data")]


def test_every_app_of_every_administration_is_a_row(api: Api) -> None:
    assert rows(api) == EVERYTHING


def test_a_row_says_who_runs_what_in_which_version_where_and_since_when(api: Api) -> None:
    row = api.get("/reports/inventory?app=complaints").json["items"][0]

    assert (row["administration"]["names"]["fr"], row["kind"], row["region"]) == ("Commune B", "commune", "region-x")
    assert (row["app"]["names"]["fr"], row["environment"], row["state"]) == ("App complaints", "production", "active")
    assert (row["version"], row["address"]) == ("1.0", "http://127.0.0.1:20000/")
    assert datetime.fromisoformat(row["since"]) < now()


def test_rows_are_narrowed(api: Api) -> None:
    factories.asked(factories.administration("commune-far").id, "complaints")

    assert rows(api, app="complaints", state="active") == [("commune-both", "complaints")]
    assert rows(api, state="planned") == [("commune-far", "complaints")]
    assert rows(api, region="region-x") == EVERYTHING
    assert rows(api, kind="ministry") == []
    assert rows(api, text="commune b") == EVERYTHING[1:]
    assert rows(api, has_app="complaints", region="region-x") == EVERYTHING[1:]


def test_who_lacks_an_app_is_listed_even_if_it_runs_nothing(api: Api) -> None:
    assert sorted(rows(api, lacks_app="complaints"), key=str) == [
        ("commune-one", "open-data"),
        ("ministry", None),
        ("province-x", None),
        ("region-x", None),
    ]
    assert rows(api, lacks_app="complaints", has_app="open-data") == [("commune-one", "open-data")]
    assert rows(api, lacks_app="complaints", kind="ministry") == [("ministry", None)]


def test_a_walk_through_the_pages_meets_every_row_once(api: Api) -> None:
    met, query = [], {"page_size": 2, "lacks_app": "nothing"}
    while query:
        page = api.get("/reports/inventory", query_string=query).json
        met += [(row["administration"]["slug"], row["instance_id"]) for row in page["items"]]
        query = page["next"] and {"page_size": 2, "lacks_app": "nothing", "cursor": page["next"]}

    assert len(met) == len(set(met)) == 6


def test_the_answer_of_a_past_day_does_not_change(api: Api) -> None:
    then = now()
    before = api.get("/reports/inventory", query_string={"as_of": then.isoformat()}).json["items"]
    update = next(row for row in before if row["version"] == "1.0")
    factories.asked_to(Action.UPDATE, update["instance_id"])
    factories.carried_out()
    factories.instance(factories.administration("commune-late"), "complaints")

    after = api.get("/reports/inventory", query_string={"as_of": then.isoformat()}).json["items"]

    assert after == before
    assert [row["version"] for row in api.get("/reports/inventory?app=complaints").json["items"]] == ["2.0", "2.0"]


def test_totals_count_administrations_and_instances_by_app(api: Api) -> None:
    both = queries.Filter(has_app="complaints")

    counted_all = [(row.app, row.administrations, row.instances) for row in queries.totals(queries.Filter())]
    counted_both = [(row.app, row.instances) for row in queries.totals(both)]

    assert counted_all == [("complaints", 1, 1), ("open-data", 2, 2)]
    assert counted_both == [("complaints", 1), ("open-data", 1)]
    assert queries.totals(queries.Filter(kind=None, lacks_app="complaints", region_id=None))[0].instances == 1


def test_the_file_has_the_rows_of_the_pages_in_their_order(api: Api) -> None:
    answer = api.get("/reports/inventory.csv?lacks_app=nothing")

    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == "attachment; filename=inventory.csv"
    assert answer.data.startswith("\ufeff".encode())
    table = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [(row["administration"], row["app"] or None) for row in table] == rows(api, lacks_app="nothing")
    assert table[0]["name_ar"].startswith("إدارة ")


def test_no_cell_of_the_file_is_a_formula(api: Api) -> None:
    factories.instance(factories.administration("evil", fr='=HYPERLINK("http://x")', ar="@SUM(1)"), "complaints")

    table = csv.DictReader(io.StringIO(api.get("/reports/inventory.csv").data.decode("utf-8-sig")))

    evil = next(row for row in table if row["administration"] == "evil")
    assert (evil["name_fr"], evil["name_ar"]) == ('\'=HYPERLINK("http://x")', "'@SUM(1)")


def test_the_file_is_read_from_a_cursor_of_the_server(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "BATCH", 2)

    with counted() as sent:
        stream = queries.stream(queries.Filter(lacks_app="nothing"), "fr")
        next(stream)
        held = db.session.scalars(text("SELECT count(*) FROM pg_cursors")).one()

    assert (held, len(list(stream))) == (1, 5)
    assert len(sent) == 2


def test_a_page_costs_the_same_number_of_statements_however_many_rows_it_has(api: Api) -> None:
    def cost() -> int:
        with counted() as sent:
            rows(api)
        return len(sent)

    cost()  # the first call also notes that the token was used
    few = cost()
    for _ in range(4):
        factories.instance(factories.administration())

    assert cost() == few


def test_an_auditor_s_reading_is_recorded(api: Api) -> None:
    rows(api)

    events = api.get("/audit/events?object_type=path&object_id=/api/v1/reports/inventory").json["items"]

    assert [(event["action"], event["actor_id"], event["via"]) for event in events] == [
        ("read", str(api.account.id), "api")
    ]


@pytest.mark.parametrize("query", ["app=x&app=y&colour=red", "kind=empire", "state=sleeping", "page_size=1000"])
def test_a_question_that_cannot_be_asked_is_refused(api: Api, query: str) -> None:
    for path in ("/reports/inventory", "/reports/inventory.csv"):
        refused = api.get(f"{path}?{query}")
        assert (refused.status_code, refused.json["code"]) == (400, "bad-query")


def test_a_closed_administration_that_runs_nothing_is_no_row(api: Api) -> None:
    with transaction() as session:
        session.execute(text("UPDATE administration SET closed_at = clock_timestamp() WHERE slug = 'ministry'"))

    assert ("ministry", None) not in rows(api, lacks_app="complaints")
