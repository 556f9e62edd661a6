"""Words are found in what all runs said, wherever they stand in it."""

import json
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import text

from provisioner.accounts.policy import Role
from provisioner.administrations.models import Administration
from provisioner.db import transaction
from provisioner.jobs import search
from provisioner.jobs.attempts import Claim
from provisioner.jobs.cli import jobs
from provisioner.jobs.events import Event
from tests import factories
from tests.factories import Api
from tests.visitors import Visitor

SAID = [
    "fatal: cannot write /srv/instances/ab3c5e7g9k/media_root/upload.tmp",
    "connected to db-server.example:5432 as complaints_rw",
    "<b>hostile</b> markup",
    "تم إنشاء قاعدة البيانات",
]


@pytest.fixture
def claim(administration: Administration) -> Claim:
    factories.asked(administration.id)
    claim = factories.claimed()
    with transaction():
        factories.said(claim, [Event(n, "verbose", line) for n, line in enumerate(SAID, start=1)])
    return claim


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("FATAL", [1]),
        ("media_root", [1]),
        ("/srv/instances/ab3c5e7g9k", [1]),
        ("ab3c5e7g9k upload", [1]),
        ("db-server.example:5432", [2]),
        ('"connected to db"', [2]),
        ('"db to connected"', []),
        ("fatal or complaints_rw", [2, 1]),
        ("example -connected", []),
        ("قاعدة", [4]),
        ("nowhere", []),
        ("'; --", []),
    ],
)
def test_an_event_is_found_by_its_words(app: Flask, claim: Claim, words: str, found: list[int]) -> None:
    answer = Api(app, Role.VIEWER).get(f"/jobs/events?text={quote(words)}")

    assert [each["counter"] for each in answer.json["items"]] == found


def test_what_a_module_said_is_found_though_nothing_was_printed(app: Flask, claim: Claim) -> None:
    with transaction():
        factories.said(
            claim, [Event(5, "runner_on_failed", task="Copy", result={"msg": "quota", "stderr": "exceeded"})]
        )

    (found,) = Api(app, Role.VIEWER).get("/jobs/events?text=quota+exceeded").json["items"]

    assert (found["job_id"], found["task"], found["text"]) == (str(claim.job_id), "Copy", "quota")


def test_results_come_page_by_page_the_newest_first(app: Flask, claim: Claim) -> None:
    with transaction():
        factories.said(claim, [Event(n, "verbose", f"again {n}") for n in range(5, 12)])
    api = Api(app, Role.VIEWER)
    first = api.get("/jobs/events?text=again&page_size=5").json
    second = api.get(f"/jobs/events?text=again&page_size=5&cursor={first['next']}").json

    assert [each["counter"] for each in first["items"] + second["items"]] == [11, 10, 9, 8, 7, 6, 5]
    assert second["next"] is None
    assert api.get(f"/jobs/events?text=other&page_size=5&cursor={first['next']}").status_code == 422


@pytest.mark.parametrize("newest", [0, 4, 500])
def test_results_of_all_months_come_once_whichever_way_they_are_found(
    app: Flask, claim: Claim, monkeypatch: pytest.MonkeyPatch, newest: int
) -> None:
    monkeypatch.setattr(search, "NEWEST", newest)
    factories.concluded(claim)
    wanted = []
    for month in (1, 3, 2):
        with transaction() as session:
            asked = factories.asked(factories.administration().id)
            session.execute(
                text("UPDATE job SET queued_at = :at WHERE id = :id"), {"at": f"2026-0{month}-07", "id": asked.id}
            )
        other = factories.claimed()
        with transaction():
            factories.said(other, [Event(n, "verbose", f"again {n}" if n % 3 else "else") for n in range(1, 10)])
        wanted += [(-month, -n, str(other.job_id)) for n in range(1, 10) if n % 3]
        factories.concluded(other)
    api, found, cursor = Api(app, Role.VIEWER), [], ""
    while cursor is not None:
        page = api.get(f"/jobs/events?text=again&page_size=2{cursor and '&cursor='}{cursor}").json
        found += [(each["job_id"], each["counter"]) for each in page["items"]]
        cursor = page["next"]

    assert found == [(job_id, -n) for _, n, job_id in sorted(wanted)]


def test_the_page_marks_the_words_and_leads_into_the_log(app: Flask, claim: Claim) -> None:
    reader = Visitor(app, Role.VIEWER)

    page = reader.get("/jobs/search?text=hostile").text

    assert "&lt;b&gt;<mark>hostile</mark>&lt;/b&gt; markup" in page
    assert f"/jobs/{claim.job_id}?at=1-3#1-3" in page
    assert 'id="1-3"' in reader.get(f"/jobs/{claim.job_id}?at=1-3").text


@pytest.mark.parametrize(("language", "words"), [("ar", "nowhere"), ("fr", "fatal"), ("en", "")])
def test_the_page_of_the_search_speaks_the_language_of_the_reader(
    app: Flask, claim: Claim, language: str, words: str
) -> None:
    page = Visitor(app, Role.VIEWER, language=language).get(f"/jobs/search?text={words}")

    assert page.status_code == 200
    assert f'<html lang="{language}"' in page.text


def test_the_search_works_on_the_command_line(claim: Claim) -> None:
    done = CliRunner().invoke(jobs, ["search", "fatal", "--output", "json"], catch_exceptions=False)

    assert [each["text"] for each in json.loads(done.stdout)] == [SAID[0]]


@pytest.mark.parametrize("query", ["", "text=", f"text={'x' * 201}", "text=a&colour=red"])
def test_a_search_that_cannot_be_asked_for_is_refused(app: Flask, query: str) -> None:
    assert Api(app, Role.VIEWER).get(f"/jobs/events?{query}").status_code == 400


def test_nobody_searches_without_saying_who_they_are(app: Flask) -> None:
    assert Api(app).get("/jobs/events?text=a").status_code == 401
    assert app.test_client().get("/jobs/search?text=a").status_code == 303
