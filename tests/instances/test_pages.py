"""Instances as people see them, and what may be asked of them there."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.db import db
from provisioner.instances.lifecycle import Action, Environment
from provisioner.instances.models import Instance
from provisioner.jobs.lifecycle import End, JobState
from provisioner.jobs.models import Job
from tests import factories
from tests.statements import counted
from tests.visitors import Visitor

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def estate(app: Flask) -> None:
    factories.host()
    factories.app()


@pytest.fixture
def instance(estate: None) -> Instance:
    return factories.instance(factories.administration("sale"), release="1.0")


def offered(page: str) -> list[str]:
    """The actions that a page has a form for."""
    return re.findall(r'name="action" value="(\w+)"', page)


def needing_attention(instance: Instance) -> Job:
    job = factories.asked_to(Action.UPDATE, instance.id)
    factories.carried_out(End.FAILED)
    return job


@pytest.mark.parametrize(("language", "direction"), [("ar", "rtl"), ("fr", "ltr"), ("en", "ltr")])
def test_the_pages_speak_the_language_of_the_reader(
    app: Flask, instance: Instance, language: str, direction: str
) -> None:
    visitor = Visitor(app, Role.VIEWER, language=language)
    for address in ("/instances", f"/instances/{instance.id}"):
        page = visitor.get(address)

        assert page.status_code == 200
        assert f'<html lang="{language}" dir="{direction}">' in page.text
        assert instance.hostname in page.text


def test_the_list_is_narrowed_by_its_filters(app: Flask, instance: Instance) -> None:
    other = factories.instance(factories.administration("agadir"), environment=Environment.TRAINING)
    visitor = Visitor(app, Role.VIEWER)

    for query, found in (
        ("app=complaints", True),
        ("release=1.0", True),
        ("environment=training", False),
        ("text=sal", True),
    ):
        page = visitor.get(f"/instances?{query}").text
        assert (instance.hostname in page) is found, query
    assert other.hostname not in visitor.get("/instances?release=1.0").text


def test_a_filter_that_finds_nothing_offers_the_way_back(app: Flask, instance: Instance) -> None:
    page = Visitor(app, Role.VIEWER).get("/instances?state=suspended").text

    assert "No instance is like that" in page
    assert 'href="/instances"' in page


def test_a_value_that_a_filter_does_not_know_is_refused(app: Flask, estate: None) -> None:
    assert Visitor(app, Role.VIEWER).get("/instances?state=asleep").status_code == 400


def test_a_day_before_the_instance_shows_that_there_was_none(app: Flask, instance: Instance) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=2)).date()

    assert instance.hostname not in Visitor(app, Role.VIEWER).get(f"/instances?as_of={yesterday}").text


def test_names_of_people_are_texts_and_never_markup(app: Flask, estate: None) -> None:
    hostile = factories.administration("hostile", fr=HOSTILE, ar=HOSTILE)
    instance = factories.instance(hostile)
    visitor = Visitor(app, Role.OPERATOR)
    lists = ("/", "/instances", "/jobs", "/requests", "/reports/inventory")
    details = (f"/instances/{instance.id}", f"/administrations/{hostile.id}")
    for address in (*lists, *details, f"/requests/new?app=complaints&administration={hostile.id}"):
        page = visitor.get(address)

        assert page.status_code == 200, address
        assert HOSTILE not in page.text, address
        assert "&lt;script&gt;" in page.text, address


def test_the_page_of_an_instance_shows_its_address_releases_jobs_and_history(app: Flask, instance: Instance) -> None:
    page = Visitor(app, Role.VIEWER).get(f"/instances/{instance.id}").text

    assert f'href="{instance.address}"' in page
    assert "Healthy" in page
    assert page.count("badge-state") >= 4
    assert "Planned" in page  # what it was before


def test_an_operator_is_offered_what_the_state_allows(app: Flask, instance: Instance) -> None:
    page = Visitor(app, Role.OPERATOR).get(f"/instances/{instance.id}").text

    assert offered(page) == ["update", "reconfigure", "suspend", "rotate", "back_up", "check", "move", "remove"]
    assert '<option value="2.0"' in page


def test_nobody_is_offered_an_update_to_the_release_that_is_there(app: Flask, estate: None) -> None:
    newest = factories.instance(factories.administration(), release="2.0")
    page = Visitor(app, Role.OPERATOR).get(f"/instances/{newest.id}").text

    assert offered(page) == ["reconfigure", "suspend", "rotate", "back_up", "check", "move", "remove"]
    assert "no newer release" in page


def test_a_busy_instance_leads_to_its_job_and_offers_nothing(app: Flask, instance: Instance) -> None:
    job = factories.asked_to(Action.CHECK, instance.id)
    page = Visitor(app, Role.OPERATOR).get(f"/instances/{instance.id}").text

    assert f"/jobs/{job.id}" in page
    assert offered(page) == []


def test_who_may_only_look_is_offered_nothing(app: Flask, instance: Instance) -> None:
    assert offered(Visitor(app, Role.VIEWER).get(f"/instances/{instance.id}").text) == []


def test_an_unknown_instance_is_not_found(app: Flask) -> None:
    assert Visitor(app, Role.VIEWER).get(f"/instances/{uuid4()}").status_code == 404


def test_a_person_decides_on_a_job_that_needs_attention(app: Flask, instance: Instance) -> None:
    job = needing_attention(instance)
    operator = Visitor(app, Role.OPERATOR)
    assert f"/jobs/{job.id}/resolve" in operator.get(f"/jobs/{job.id}").text

    answer = operator.post(f"/jobs/{job.id}/resolve", resolution="failed", reason="the old release serves")

    assert answer.status_code == 303
    assert db.session.get_one(Job, job.id).state is JobState.FAILED


def test_a_decision_without_a_reason_changes_nothing(app: Flask, instance: Instance) -> None:
    job = needing_attention(instance)

    assert Visitor(app, Role.OPERATOR).post(f"/jobs/{job.id}/resolve", resolution="failed").status_code == 422
    assert db.session.get_one(Job, job.id).state is JobState.NEEDS_ATTENTION


def test_the_page_of_an_administration_shows_what_it_runs(app: Flask, instance: Instance) -> None:
    page = Visitor(app, Role.VIEWER).get(f"/administrations/{instance.administration_id}").text

    assert f'href="/instances/{instance.id}"' in page


def test_an_administration_that_runs_nothing_offers_a_request(app: Flask) -> None:
    idle = factories.administration()

    assert (
        f"/requests/new?administration={idle.id}" in Visitor(app, Role.OPERATOR).get(f"/administrations/{idle.id}").text
    )


def test_the_list_asks_the_database_the_same_number_of_questions_however_long_it_is(
    app: Flask, instance: Instance
) -> None:
    visitor = Visitor(app, Role.VIEWER)
    with counted() as few:
        visitor.get("/instances")
    for _ in range(3):
        factories.instance(factories.administration())
    with counted() as many:
        visitor.get("/instances")

    assert len(many) == len(few)
