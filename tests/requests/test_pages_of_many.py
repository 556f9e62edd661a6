"""Acting on many instances, and changing the settings of one, in the browser."""

import re

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.administrations.models import Administration
from provisioner.db import db
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs import queries as jobs
from provisioner.paging import PageRequest
from tests import factories
from tests.visitors import Visitor

LABELLED = {"ar": "مفتوح", "fr": "Ouvert", "en": "Open"}
OPEN = {"name": "open", "type": "bool", "default": True, "label": LABELLED}
FORM = {"app": "complaints", "action": "update", "reason": "A security release"}


@pytest.fixture
def operator(app: Flask) -> Visitor:
    return Visitor(app, Role.OPERATOR)


@pytest.fixture
def old(administration: Administration) -> list[Instance]:
    """Three instances, active on release 1.0, of which one is busy."""
    made = [factories.instance(factories.administration(), release="1.0", settings={"title": "Old"}) for _ in range(3)]
    factories.asked_to(Action.UPDATE, made[0].id)
    return made


def figures(page: str) -> list[str]:
    """Those of the tiles."""
    return re.findall(r'class="tile-figure">(\d+)<', page)


def waiting() -> int:
    return len(jobs.find(jobs.Filter(), PageRequest()).rows)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_the_list_of_an_app_leads_operators_to_acting_on_all_of_it(app: Flask, old: list[Instance], role: Role) -> None:
    visitor = Visitor(app, role)

    assert "/requests/many" not in visitor.get("/instances").text
    page = visitor.get("/instances?app=complaints&environment=production").text
    assert ("/requests/many?app=complaints&amp;environment=production" in page) is (role is Role.OPERATOR)


@pytest.mark.parametrize("language", ["ar", "fr", "en"])
def test_a_preview_says_what_would_come_of_it_and_keeps_nothing(app: Flask, old: list[Instance], language: str) -> None:
    visitor = Visitor(app, Role.OPERATOR, language=language)
    before = factories.row_counts()

    page = visitor.get("/requests/many?app=complaints&environment=production&action=update").text

    assert figures(page) == ["2", "0", "1"]
    assert 'name="environment" value="production"' in page
    assert factories.row_counts() == before


def test_many_are_asked_for_and_the_request_shows_what_came_of_each(operator: Visitor, old: list[Instance]) -> None:
    answer = operator.post("/requests/many", **FORM)

    assert answer.status_code == 303
    page = operator.get(answer.headers["Location"]).text
    assert figures(page) == ["2", "0", "1"]
    assert all(instance.hostname in page for instance in old)
    assert "Another job has the instance." in page
    refused = operator.get(f"{answer.headers['Location']}?outcome=refused").text
    assert [instance.hostname in refused for instance in old] == [True, False, False]
    assert operator.get("/requests").status_code == 200


def test_without_a_reason_nothing_is_asked_for(operator: Visitor, old: list[Instance]) -> None:
    assert operator.post("/requests/many", **{**FORM, "reason": ""}).status_code == 422
    assert waiting() == 4  # the provisionings and the update of before


def test_filters_that_find_nothing_are_told(operator: Visitor, old: list[Instance]) -> None:
    page = operator.get("/requests/many?app=complaints&environment=training&action=check")

    assert page.status_code == 200
    assert "No instance is like that" in page.text
    refused = operator.post("/requests/many", **FORM, environment="training")
    assert (refused.status_code, waiting()) == (422, 4)


def test_a_request_of_which_nothing_came_can_be_read(operator: Visitor, old: list[Instance]) -> None:
    factories.carried_out()
    asked = operator.post("/requests/many", **{**FORM, "release": "2.0"})

    page = operator.get(asked.headers["Location"]).text

    assert figures(page) == ["0", "1", "0"]
    assert operator.get("/requests").status_code == 200


# The settings of one


@pytest.fixture
def instance(app: Flask) -> Instance:
    factories.host()
    title = {"name": "title", "type": "str", "required": True, "label": LABELLED, "max_length": 20}
    factories.app(parameters=(title, OPEN))
    return factories.instance(factories.administration(), release="1.0", settings={"title": "Old"})


def test_the_form_shows_the_settings_as_they_are(operator: Visitor, instance: Instance) -> None:
    page = operator.get(f"/instances/{instance.id}/settings").text

    assert 'value="Old"' in page
    assert 'id="settings.open" name="settings.open" checked' in page
    assert f"/instances/{instance.id}/settings" in operator.get(f"/instances/{instance.id}").text


def test_other_settings_are_asked_for_with_a_job(operator: Visitor, instance: Instance) -> None:
    answer = operator.post(f"/instances/{instance.id}/settings", **{"settings.title": "New", "reason": "agreed"})

    assert answer.headers["Location"].startswith("/jobs/")
    assert db.session.get_one(Instance, instance.id).settings == {"title": "New", "open": False}


def test_settings_that_do_not_fit_are_marked_and_change_nothing(operator: Visitor, instance: Instance) -> None:
    for wrong in ({"settings.title": ""}, {"settings.title": "x" * 21}, {"settings.title": "New", "reason": ""}):
        refused = operator.post(f"/instances/{instance.id}/settings", **{"reason": "agreed", **wrong})

        assert (refused.status_code, "has-errors" in refused.text) == (422, True)
    assert db.session.get_one(Instance, instance.id).settings == {"title": "Old", "open": True}


def test_the_same_settings_again_are_nothing_to_do(operator: Visitor, instance: Instance) -> None:
    answer = operator.post(
        f"/instances/{instance.id}/settings", **{"settings.title": "Old", "settings.open": "true", "reason": "agreed"}
    )

    assert answer.headers["Location"] == f"/instances/{instance.id}"
    assert "nothing to do" in operator.get(answer.headers["Location"]).text
    assert waiting() == 1
