"""The catalogue as people see it."""

import pytest
from flask import Flask
from sqlalchemy import func

from provisioner.accounts.policy import Role
from provisioner.db import transaction
from tests import factories
from tests.statements import counted
from tests.visitors import Visitor

COLOUR = {
    "name": "colour",
    "type": "str",
    "required": False,
    "default": "green",
    "choices": ["green", "blue"],
    "label": {"ar": "اللون", "fr": "Couleur", "en": "Colour"},
    "help": {"ar": "لون العناوين", "fr": "Des titres", "en": "Of headings"},
    "choice_labels": {"green": {"ar": "أخضر", "fr": "Vert", "en": "Green"}},
}


@pytest.mark.parametrize(("language", "direction"), [("ar", "rtl"), ("fr", "ltr"), ("en", "ltr")])
def test_the_catalogue_names_each_app_in_the_language_of_the_reader(app: Flask, language: str, direction: str) -> None:
    offered = factories.app()
    page = Visitor(app, Role.VIEWER, language=language).get("/apps")

    assert page.status_code == 200
    assert f'<html lang="{language}" dir="{direction}">' in page.text
    assert offered.names[language] in page.text


def test_an_empty_catalogue_says_what_to_do(app: Flask) -> None:
    assert "provisioner catalogue sync" in Visitor(app, Role.VIEWER).get("/apps").text


def test_the_page_of_an_app_says_who_runs_which_release_and_what_can_be_set(app: Flask) -> None:
    factories.host()
    factories.app(parameters=(COLOUR,))
    factories.instance(factories.administration(), release="1.0")
    page = Visitor(app, Role.OPERATOR).get("/apps/complaints").text

    assert 'href="/instances?app=complaints&amp;release=1.0">1</a>' in page
    assert "Of headings" in page
    assert "Green" in page
    assert 'href="/requests/new?app=complaints"' in page


def test_who_may_only_look_is_offered_no_request(app: Flask) -> None:
    factories.app()

    assert "/requests/new" not in Visitor(app, Role.VIEWER).get("/apps/complaints").text


def test_a_withdrawn_app_keeps_its_page_and_takes_no_request(app: Flask) -> None:
    gone = factories.app()
    with transaction():
        gone.withdrawn_at = func.now()
    page = Visitor(app, Role.OPERATOR).get("/apps/complaints")

    assert "This app is withdrawn" in page.text
    assert "/requests/new" not in page.text


def test_an_unknown_app_is_not_found(app: Flask) -> None:
    assert Visitor(app, Role.VIEWER).get("/apps/nothing").status_code == 404


def test_the_list_asks_the_database_the_same_number_of_questions_however_many_apps_there_are(app: Flask) -> None:
    visitor = Visitor(app, Role.VIEWER)
    factories.app("first")
    with counted() as few:
        visitor.get("/apps")
    factories.app("second")
    factories.app("third")
    with counted() as many:
        visitor.get("/apps")

    assert len(many) == len(few)
