"""The home page, the inventory, and the audit as sentences."""

import csv
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.audit import service as audit
from provisioner.db import transaction
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs.lifecycle import End
from provisioner.labels import LABELS
from provisioner.reports.sentences import SENTENCES
from tests import factories
from tests.statements import counted
from tests.visitors import Visitor

CODE = Path(__file__).parents[2] / "provisioner"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def estate(app: Flask) -> None:
    factories.host()
    factories.app()


@pytest.fixture
def instance(estate: None) -> Instance:
    region = factories.administration("rabat-region", "region")
    return factories.instance(factories.administration("sale", territory=region.slug), release="1.0")


@pytest.mark.parametrize(("language", "direction"), [("ar", "rtl"), ("fr", "ltr"), ("en", "ltr")])
def test_the_pages_speak_the_language_of_the_reader(
    app: Flask, instance: Instance, language: str, direction: str
) -> None:
    visitor = Visitor(app, Role.AUDITOR, language=language)
    for address in ("/", "/reports/inventory", "/audit"):
        page = visitor.get(address)

        assert page.status_code == 200
        assert f'<html lang="{language}" dir="{direction}">' in page.text


def test_an_empty_house_says_what_to_do_first(app: Flask) -> None:
    page = Visitor(app, Role.VIEWER).get("/").text

    assert "Nothing needs you" in page
    assert "The catalogue is empty" in page
    assert "No job yet" in page


def test_the_home_page_shows_what_needs_a_person(app: Flask, instance: Instance) -> None:
    stuck = factories.asked_to(Action.UPDATE, instance.id)
    factories.carried_out(End.FAILED)
    failed = factories.asked(factories.administration().id).instance_id
    factories.carried_out(End.FAILED)
    page = Visitor(app, Role.VIEWER).get("/").text
    before, after = page.split("Instances by app")

    assert f"/jobs/{stuck.id}" in before
    assert f"/instances/{failed}" in before
    assert "Nothing needs you" not in page
    assert re.findall(r'class="tile-figure">(\d+)<', page) == ["1", "1", "0", "0", "0", "0", "0", "2", "3"]
    assert "/instances?app=complaints&amp;state=failed" in after


def test_the_home_page_asks_the_same_number_of_questions_however_much_there_is(app: Flask, instance: Instance) -> None:
    visitor = Visitor(app, Role.VIEWER)
    with counted() as few:
        visitor.get("/")
    for _ in range(3):
        factories.instance(factories.administration())
    with counted() as many:
        visitor.get("/")

    assert len(many) == len(few)


def test_the_inventory_answers_which_apps_an_administration_runs(app: Flask, instance: Instance) -> None:
    page = Visitor(app, Role.VIEWER).get("/reports/inventory").text

    assert f"/instances/{instance.id}" in page
    assert "The complaints one administration · one instance" in re.sub(r"<[^>]+>", "", page)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("app=complaints", True),
        ("app=other", False),
        ("kind=commune", True),
        ("kind=ministry", False),
        ("region=rabat-region", True),
        ("text=sale", True),
        ("text=agadir", False),
        ("state=active", True),
        ("lacks_app=complaints", False),
    ],
)
def test_the_page_and_the_file_are_narrowed_alike(app: Flask, instance: Instance, query: str, *, found: bool) -> None:
    visitor = Visitor(app, Role.VIEWER)
    page = visitor.get(f"/reports/inventory?{query}")
    file = visitor.get(f"/reports/inventory.csv?{query}")
    rows = [row for row in csv.DictReader(StringIO(file.text.removeprefix("\ufeff"))) if row["app"]]

    assert (f"/instances/{instance.id}" in page.text) is found
    assert [row["administration"] for row in rows] == (["sale"] if found else [])


def test_the_page_leads_to_the_file_with_the_same_filters(app: Flask, instance: Instance) -> None:
    page = Visitor(app, Role.VIEWER).get("/reports/inventory?app=complaints&kind=commune").text

    assert 'href="/reports/inventory.csv?app=complaints&amp;kind=commune"' in page


def test_a_day_in_the_past_shows_what_was_there_then(app: Flask, instance: Instance) -> None:
    before = (datetime.now(UTC) - timedelta(days=2)).date()

    assert f"/instances/{instance.id}" not in Visitor(app, Role.VIEWER).get(f"/reports/inventory?as_of={before}").text


def test_only_who_may_audit_reads_the_audit(app: Flask) -> None:
    assert Visitor(app, Role.ADMINISTRATOR).get("/audit").status_code == 403
    assert Visitor(app, Role.AUDITOR).get("/audit").status_code == 200


def test_the_audit_tells_who_asked_for_what_and_why(app: Flask, instance: Instance) -> None:
    operator, auditor = Visitor(app, Role.OPERATOR), Visitor(app, Role.AUDITOR)
    operator.post(f"/instances/{instance.id}/actions", action="check", reason=f"seen {HOSTILE}")
    page = auditor.get("/audit?object_type=request").text
    told = re.sub(r"<[^>]+>", "", page)

    assert (
        f"{operator.account.identity.username} asked for an action, and it was approved: Check, complaints 1.0." in told
    )
    assert "Reason: seen &lt;script&gt;" in told
    assert HOSTILE not in page


def test_the_audit_of_one_administration_holds_no_other(app: Flask, instance: Instance) -> None:
    other = factories.instance(factories.administration("agadir"))
    page = Visitor(app, Role.AUDITOR).get("/audit?administration=sale").text

    assert f"/instances/{instance.id}" in page
    assert f"/instances/{other.id}" not in page


def test_the_audit_asks_the_same_number_of_questions_however_long_it_is(app: Flask, instance: Instance) -> None:
    auditor = Visitor(app, Role.AUDITOR)
    with counted() as few:
        auditor.get("/audit")
    for _ in range(3):
        factories.instance(factories.administration())
    with counted() as many:
        auditor.get("/audit")

    assert len(many) == len(few)


def test_every_act_that_is_recorded_has_a_sentence() -> None:
    code = "\n".join(path.read_text() for path in CODE.rglob("*.py"))
    verbs = set(re.findall(r'record\(\s*"((?:[a-z_]+\.)?[a-z_]+)"', code))
    rooms = {room.partition(".")[0] for room in SENTENCES}
    told = SENTENCES.keys() | {act.partition(".")[2] for act in SENTENCES}

    assert len(verbs) > 10
    assert sorted(verbs - told) == []
    assert {f"instance.{action}" for action in Action} <= SENTENCES.keys()
    assert rooms - {"catalogue", "read"} <= LABELS["object"].keys()


def test_an_act_without_a_sentence_is_told_by_its_name(app: Flask) -> None:
    with transaction():
        audit.record("archive.open", "path", "x", after={"n": 1})

    assert "archive.open" in Visitor(app, Role.AUDITOR).get("/audit").text
