"""Draining: nothing new is begun there, and what runs comes to its end."""

import pytest
from flask import Flask
from sqlalchemy import text

from provisioner.accounts.policy import Role
from provisioner.db import transaction
from provisioner.errors import NotFound
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.models import Job
from provisioner.workers import queries, service
from provisioner.workers.lifecycle import DrainScope
from tests import factories
from tests.factories import Api
from tests.visitors import Visitor


@pytest.fixture
def job(app: Flask) -> Job:
    factories.host()
    factories.app()
    return factories.asked(factories.administration().id)


def begins(worker: str = "worker") -> bool:
    with transaction(dry_run=True):
        return factories.claim(worker, [factories.SITE]) is not None


@pytest.mark.parametrize("place", [(DrainScope.SERVICE, ""), (DrainScope.SITE, "here"), (DrainScope.WORKER, "worker")])
def test_nothing_new_begins_where_is_drained_until_the_drain_ends(job: Job, place: tuple[DrainScope, str]) -> None:
    assert begins()
    with transaction():
        service.drain(*place, "test")

    assert not begins()
    with transaction():
        service.end_drain(*place, "done")
    assert begins()


def test_a_drained_worker_keeps_nobody_else_from_beginning(job: Job) -> None:
    with transaction():
        service.drain(DrainScope.WORKER, "one", "test")

    assert (begins("one"), begins("two")) == (False, True)


def test_what_runs_when_a_drain_begins_comes_to_its_end(job: Job) -> None:
    claim = factories.claimed()
    with transaction():
        service.drain(DrainScope.SERVICE, "", "test")

    with transaction():
        factories.beaten(claim)
    assert factories.concluded(claim) is JobState.SUCCEEDED


def test_a_drain_that_is_not_there_cannot_be_ended(app: Flask) -> None:
    with pytest.raises(NotFound), transaction():
        service.end_drain(DrainScope.SITE, "nowhere", "test")


def test_programs_drain_and_end_it_and_a_dry_run_changes_nothing(app: Flask) -> None:
    api = Api(app, Role.ADMINISTRATOR)
    wanted = {"scope": "site", "name": "rabat", "reason": "moving house"}

    assert len(api.post("/drains?dry_run=true", json=wanted).json["items"]) == 1
    assert api.get("/drains").json["items"] == []
    [drain] = api.post("/drains", json=wanted).json["items"]
    assert {name: drain[name] for name in wanted} == wanted
    assert api.post("/drains/end", json=wanted).json["items"] == []
    assert api.post("/drains/end", json=wanted).status_code == 404


@pytest.mark.parametrize("wanted", [{"scope": "site"}, {"scope": "service", "name": "x"}, {"scope": "moon"}])
def test_a_place_that_cannot_be_drained_is_refused(app: Flask, wanted: dict[str, str]) -> None:
    refused = Api(app, Role.ADMINISTRATOR).post("/drains", json={**wanted, "reason": "test"})

    assert (refused.status_code, refused.json["code"]) == (422, "invalid")


def test_only_administrators_drain(app: Flask) -> None:
    wanted = {"scope": "service", "reason": "test"}

    assert Api(app, Role.OPERATOR).post("/drains", json=wanted).status_code == 403
    assert "Begin nothing new" not in Visitor(app, Role.OPERATOR).get("/workers").text


def test_the_page_shows_workers_and_drains_and_is_where_they_are_drained(app: Flask) -> None:
    factories.worker("one", ("rabat",))
    visitor = Visitor(app, Role.ADMINISTRATOR)

    visitor.post("/workers/drain", place="worker:one", reason="<i>new kernel</i>")

    page = visitor.get("/workers").text
    assert "&lt;i&gt;new kernel&lt;/i&gt;" in page
    assert "Draining" in page
    visitor.post("/workers/end-drain", scope="worker", name="one", reason="done")
    assert queries.drains() == []


def test_a_worker_that_has_not_been_seen_lately_is_shown_as_silent(app: Flask) -> None:
    factories.worker("one")
    visitor = Visitor(app, Role.VIEWER)
    assert "Present" in visitor.get("/workers").text
    with transaction() as session:
        session.execute(text("UPDATE worker SET seen_at = seen_at - interval '1 minute'"))

    assert "Silent" in visitor.get("/workers").text
    [worker] = Api(app, Role.VIEWER).get("/workers").json["items"]
    assert (worker["name"], worker["present"], worker["draining"]) == ("one", False, None)


def test_a_worker_that_stops_is_not_listed_any_more(app: Flask) -> None:
    factories.worker("one")

    with transaction():
        service.leave("one")

    assert queries.every() == []


def test_a_worker_that_leaves_is_still_shown_and_not_counted_on(app: Flask) -> None:
    factories.worker("one", ("rabat",))
    assert queries.serves("rabat")

    with transaction():
        service.stay(service.Presence("one", ["rabat"], 2, "bwrap"), leaving=True)

    assert not queries.serves("rabat")
    assert "Draining" in Visitor(app, Role.VIEWER).get("/workers").text


@pytest.mark.parametrize("place", ["servicefoo", "moon:x", "worker:"])
def test_a_place_that_the_form_does_not_offer_is_refused(app: Flask, place: str) -> None:
    refused = Visitor(app, Role.ADMINISTRATOR).post("/workers/drain", place=place, reason="test")

    assert refused.status_code == 422
