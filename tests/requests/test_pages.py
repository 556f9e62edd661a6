"""Asking for an instance, step by step, and for actions on one that is there."""

import re
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select

from provisioner.accounts.policy import Role
from provisioner.administrations.models import Administration
from provisioner.db import db, transaction
from provisioner.instances.lifecycle import Action, Environment
from provisioner.instances.models import Instance
from provisioner.jobs.models import Job
from provisioner.requests.models import Request
from tests import factories
from tests.statements import counted
from tests.visitors import Visitor


def words(text: str) -> dict[str, str]:
    return {"ar": f"{text} بالعربية", "fr": f"{text} en français", "en": text}


CONTACT = {"name": "contact", "type": "str", "required": True, "pattern": ".+@.+", "help": words("Who answers")}
ROWS = {"name": "rows", "type": "int", "required": False, "default": 50, "minimum": 10, "maximum": 99}
OPEN = {"name": "open", "type": "bool", "required": False, "default": True}
PARAMETERS = (
    CONTACT | {"label": words("Contact")},
    ROWS | {"label": words("Rows")},
    OPEN | {"label": words("Open to all")},
)


@pytest.fixture
def administration(app: Flask) -> Administration:
    factories.host()
    factories.app(parameters=PARAMETERS)
    return factories.administration("sale", fr="Salé", ar="سلا")


@pytest.fixture
def operator(administration: Administration, app: Flask) -> Visitor:
    return Visitor(app, Role.OPERATOR)


def form(administration: Administration, **more: str) -> dict[str, str]:
    filled = {
        "release": "1.0",
        "environment": "production",
        "reason": "agreed",
        "settings.contact": "a@b.ma",
        "settings.rows": "20",
    }
    return {"app": "complaints", "administration": str(administration.id), **filled, **more}


def requests_kept() -> int:
    return db.session.scalar(select(func.count()).select_from(Request)) or 0


def test_the_first_step_chooses_the_app(operator: Visitor) -> None:
    assert 'href="/requests/new?app=complaints"' in operator.get("/requests/new").text


@pytest.mark.parametrize("text", ["Salé", "sale", "سلا"])
def test_the_second_step_finds_the_administration_by_its_name(
    operator: Visitor, administration: Administration, text: str
) -> None:
    page = operator.get("/requests/new", query_string={"app": "complaints", "text": text}).text

    assert f"administration={administration.id}" in page


def test_an_administration_that_nobody_is_called_is_said_not_to_be_there(operator: Visitor) -> None:
    assert "No administration is called that" in operator.get("/requests/new?app=complaints&text=atlantis").text


@pytest.mark.parametrize("language", ["ar", "fr", "en"])
def test_the_form_asks_for_the_parameters_in_the_language_of_the_reader(
    app: Flask, administration: Administration, language: str
) -> None:
    page = (
        Visitor(app, Role.OPERATOR, language=language)
        .get(f"/requests/new?app=complaints&administration={administration.id}")
        .text
    )

    for parameter in PARAMETERS:
        assert parameter["label"][language] in page  # type: ignore[index]
    assert words("Who answers")[language] in page
    assert '<option value="2.0"' in page


def test_a_filled_form_becomes_a_job_that_the_reader_can_follow(
    operator: Visitor, administration: Administration
) -> None:
    answer = operator.post("/requests", **form(administration))
    job = db.session.scalars(select(Job)).one()

    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/jobs/{job.id}"
    assert db.session.get_one(Instance, job.instance_id).settings == {"contact": "a@b.ma", "rows": 20, "open": False}
    assert "You can follow here" in operator.get(f"/jobs/{job.id}").text


def test_a_ticked_box_is_a_yes(operator: Visitor, administration: Administration) -> None:
    operator.post("/requests", **form(administration, **{"settings.open": "true"}))

    assert db.session.scalars(select(Instance)).one().settings["open"] is True


def test_a_refused_form_says_why_beside_each_field_and_keeps_what_was_typed(
    operator: Visitor, administration: Administration
) -> None:
    wrong = {"settings.contact": '"><script>', "settings.rows": "7", "reason": "", "environment": "training"}
    answer = operator.post("/requests", **form(administration, **wrong))

    assert answer.status_code == 422
    assert re.search(r'id="settings\.contact-errors".*?does not have the expected form', answer.text, re.DOTALL)
    assert re.search(r'id="settings\.rows-errors".*?outside the allowed range', answer.text, re.DOTALL)
    assert 'value="&#34;&gt;&lt;script&gt;"' in answer.text
    assert 'id="reason-errors"' in answer.text
    assert '<option value="training" selected>' in answer.text
    assert 'id="settings.open" name="settings.open" checked' not in answer.text
    assert requests_kept() == 0


def test_a_second_production_instance_is_not_even_offered(operator: Visitor, administration: Administration) -> None:
    operator.post("/requests", **form(administration))
    page = operator.get(f"/requests/new?app=complaints&administration={administration.id}").text

    assert "It has this app already" in page
    assert '<option value="training"' in page
    assert '<option value="production"' not in page


def test_a_second_production_instance_asked_for_all_the_same_is_refused(
    operator: Visitor, administration: Administration
) -> None:
    operator.post("/requests", **form(administration))
    answer = operator.post("/requests", **form(administration))

    assert answer.status_code == 409
    assert "already has complaints" in answer.text
    assert requests_kept() == 1


def test_a_closed_administration_is_given_nothing(operator: Visitor, administration: Administration) -> None:
    with transaction():
        administration.closed_at = func.now()
    page = operator.get(f"/requests/new?app=complaints&administration={administration.id}").text

    assert "This administration is closed" in page
    assert 'name="reason"' not in page


@pytest.mark.parametrize("role", [Role.VIEWER, Role.APPROVER, Role.AUDITOR])
def test_nobody_asks_without_the_right(app: Flask, administration: Administration, role: Role) -> None:
    visitor = Visitor(app, role)

    assert visitor.get("/requests/new").status_code == 403
    assert visitor.post("/requests", **form(administration)).status_code == 403
    assert requests_kept() == 0


def test_a_form_from_a_foreign_page_is_refused(operator: Visitor, administration: Administration) -> None:
    assert operator.call("POST", "/requests", data=form(administration)).status_code == 403
    assert requests_kept() == 0


@pytest.mark.parametrize(("action", "more"), [("check", {}), ("update", {"release": "2.0"})])
def test_an_action_on_an_instance_becomes_a_job(
    operator: Visitor, administration: Administration, action: str, more: dict[str, str]
) -> None:
    instance = factories.instance(administration, release="1.0", settings={"contact": "a@b.ma"})
    answer = operator.post(f"/instances/{instance.id}/actions", action=action, reason="asked by phone", **more)
    job = db.session.get_one(Job, UUID(answer.headers["Location"].rpartition("/")[2]))

    assert (answer.status_code, job.action) == (303, action)


def test_a_busy_instance_refuses_and_names_the_job(operator: Visitor, administration: Administration) -> None:
    instance = factories.instance(administration, settings={"contact": "a@b.ma"})
    holder = factories.asked_to(Action.CHECK, instance.id)
    answer = operator.post(f"/instances/{instance.id}/actions", action="check", reason="again")

    assert answer.status_code == 409
    assert str(holder.id) in answer.text


def test_the_page_of_a_request_shows_the_plan_as_it_was_decided_on(
    operator: Visitor, administration: Administration
) -> None:
    operator.post("/requests", **form(administration, environment=Environment.TRAINING))
    kept = db.session.scalars(select(Request)).one()
    page = operator.get(f"/requests/{kept.id}").text

    for fact in ("agreed", kept.digest, kept.plan["digest"], "a@b.ma", "Training", "Amina", "Approved"):
        assert fact in page, fact
    assert str(db.session.scalars(select(Job.id)).one()) in page


def test_the_list_of_requests_says_for_whom_and_why(operator: Visitor, administration: Administration) -> None:
    assert "Nothing has been requested yet" in operator.get("/requests").text
    operator.post("/requests", **form(administration))
    page = operator.get("/requests").text

    assert "Salé" in page
    assert "agreed" in page


def test_the_list_asks_the_database_the_same_number_of_questions_however_long_it_is(
    operator: Visitor, administration: Administration
) -> None:
    operator.post("/requests", **form(administration))
    with counted() as few:
        operator.get("/requests")
    for _ in range(3):
        operator.post("/requests", **form(factories.administration()))
    with counted() as many:
        operator.get("/requests")

    assert len(many) == len(few)


def test_an_unknown_request_is_not_found(operator: Visitor) -> None:
    assert operator.get(f"/requests/{uuid4()}").status_code == 404
