"""The page of the servers, and what the home page says of those that do not answer."""

from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.db import transaction
from provisioner.hosts import service
from tests import factories
from tests.visitors import Visitor


def test_a_server_that_does_not_answer_is_shown_as_parked_and_on_the_home_page(app: Flask) -> None:
    host = factories.host()
    visitor = Visitor(app, Role.VIEWER)
    assert "Answers" in visitor.get("/hosts").text

    with transaction():
        service.park(host.id)

    assert "Parked" in visitor.get("/hosts").text
    assert "One server does not answer; its jobs wait." in visitor.get("/").text


def test_a_server_shows_how_many_jobs_it_carries_out_of_how_many(app: Flask) -> None:
    factories.host(slots=7)
    factories.app()
    factories.asked(factories.administration().id)
    factories.claimed()

    assert "1 of 7" in Visitor(app, Role.VIEWER).get("/hosts").text


def test_where_no_server_is_the_page_says_what_to_do(app: Flask) -> None:
    assert "No server is registered" in Visitor(app, Role.VIEWER).get("/hosts").text
