"""The pages of the calendar."""

import re
from datetime import date

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.administrations.models import Administration
from provisioner.calendar import queries
from provisioner.instances.models import Instance
from provisioner.jobs import queries as jobs, waiting
from provisioner.jobs.lifecycle import Waiting
from provisioner.jobs.models import Job
from provisioner.paging import PageRequest
from tests import factories
from tests.calendar.windows import HOUR, frozen, now
from tests.statements import counted
from tests.visitors import Visitor

HOSTILE = "<b>elections</b>"
CHECKS = {"action": "check", "opens": "01:00", "closes": "05:00", "days": ["1", "5"], "reason": "Nightly check"}


@pytest.fixture
def administrator(app: Flask) -> Visitor:
    return Visitor(app, Role.ADMINISTRATOR)


@pytest.fixture
def job(administration: Administration) -> Job:
    return factories.asked(administration.id)


@pytest.mark.parametrize(
    ("language", "direction", "title"),
    [("ar", "rtl", "الرزنامة"), ("fr", "ltr", "Calendrier"), ("en", "ltr", "Calendar")],
)
def test_the_calendar_speaks_the_language_of_the_reader(app: Flask, language: str, direction: str, title: str) -> None:
    page = Visitor(app, Role.VIEWER, language=language).get("/calendar")

    assert page.status_code == 200
    assert f'<html lang="{language}" dir="{direction}">' in page.text
    assert f"<title>{title}" in page.text


def test_a_window_is_planned_in_morocco_s_time_and_shown(administrator: Visitor) -> None:
    form = {"begins": "2099-02-15T02:30", "ends": "2099-02-16T06:00", "reason": HOSTILE}

    answer = administrator.post("/calendar/freezes", **form)

    assert answer.status_code == 303
    [freeze] = queries.freezes(None, PageRequest()).rows
    assert f"{freeze.begins:%Y-%m-%d %H:%M}" == "2099-02-15 02:30", "Morocco is on UTC from September 2026 on"
    page = administrator.get("/calendar/freezes").text
    assert "&lt;b&gt;elections&lt;/b&gt;" in page
    assert HOSTILE not in page


def test_a_window_that_makes_no_sense_comes_back_with_what_was_typed(administrator: Visitor) -> None:
    refused = administrator.post("/calendar/freezes", begins="", ends="2020-01-01T10:00", reason="kept words")

    assert refused.status_code == 422
    assert "A window ends after it begins, and in the future." in refused.text
    assert "kept words" in refused.text
    assert "2020-01-01T10:00" in refused.text


def test_an_administration_that_nobody_knows_is_said_in_the_form(administrator: Visitor) -> None:
    refused = administrator.post("/calendar/freezes", administration="nowhere", ends="2099-01-01T10:00", reason="x")

    assert refused.status_code == 404
    assert "There is no administration nowhere." in refused.text


def test_a_window_is_ended_from_its_line(administrator: Visitor, job: Job) -> None:
    freeze = frozen()
    assert f"/calendar/freezes/{freeze.id}/end" in administrator.get("/calendar").text

    administrator.post(f"/calendar/freezes/{freeze.id}/end", reason="done")

    assert waiting.why(jobs.detail(job.id)).reason is Waiting.TURN
    assert "before its time" in administrator.get("/calendar/freezes").text


def test_the_page_of_a_job_tells_the_window_and_lets_it_through(app: Flask, job: Job) -> None:
    frozen(HOSTILE)
    approver = Visitor(app, Role.APPROVER)
    page = approver.get(f"/jobs/{job.id}").text

    assert "Nothing changes any instance until" in page
    assert "&lt;b&gt;elections&lt;/b&gt;" in page
    assert "Let it begin all the same" not in Visitor(app, Role.OPERATOR).get(f"/jobs/{job.id}").text
    assert "Let it begin all the same" in page
    assert approver.post(f"/jobs/{job.id}/let-through", reason="urgent").status_code == 303
    assert factories.claimed().job_id == job.id


@pytest.mark.parametrize("language", ["ar", "fr", "en"])
def test_whose_window_it_is_stands_on_the_page_of_the_job(
    app: Flask, administration: Administration, job: Job, language: str
) -> None:
    frozen(administration_id=administration.id)

    page = Visitor(app, Role.VIEWER, language=language).get(f"/jobs/{job.id}").text

    assert f'<bdi class="code" dir="ltr">{administration.slug}</bdi>' in page


def test_the_page_of_a_request_says_how_many_jobs_are_stopped_and_lets_them_through(app: Flask, job: Job) -> None:
    approver = Visitor(app, Role.APPROVER)
    assert "freeze window" not in approver.get(f"/requests/{job.request_id}").text
    frozen()

    assert "One of its jobs is stopped by a freeze window." in approver.get(f"/requests/{job.request_id}").text
    approver.post(f"/requests/{job.request_id}/let-through", reason="urgent")
    assert factories.claimed().job_id == job.id


def test_the_night_is_shown_by_the_hour_and_other_nights_are_a_step_away(
    administrator: Visitor, instance: Instance
) -> None:
    administrator.post("/calendar/schedules", **{**CHECKS, "days": list("1234567")})
    page = administrator.get("/calendar?night=2030-11-24").text
    hours = re.findall(r'<th scope="col" class="number"><time[^>]*>([\d:]+)</time>', page)

    assert hours == ["01:00", "02:00", "03:00", "04:00"]
    assert "night=2030-11-23#night" in page
    assert "night=2030-11-25#night" in page


def test_a_schedule_is_arranged_shown_and_changed(administrator: Visitor) -> None:
    assert administrator.post("/calendar/schedules", **CHECKS).status_code == 303
    [schedule] = queries.schedules()

    assert schedule.days == [1, 5]
    page = administrator.get("/calendar").text
    assert "Monday · Friday" in page
    form = administrator.get(f"/calendar/schedules/{schedule.id}").text
    assert 'value="01:00"' in form
    assert re.findall(r'value="(\d)" checked', form) == ["1", "5"]
    administrator.post("/calendar/schedules", **CHECKS, enabled="false")
    assert "Switched off" in administrator.get("/calendar").text
    administrator.post(f"/calendar/schedules/{schedule.id}/remove", reason="not needed")
    assert "No schedule yet" in administrator.get("/calendar").text


def test_a_schedule_that_makes_no_sense_comes_back_with_what_was_chosen(administrator: Visitor) -> None:
    refused = administrator.post("/calendar/schedules", **{**CHECKS, "closes": "23:00"})

    assert refused.status_code == 422
    assert "A window is open for at most twelve hours." in refused.text
    assert re.findall(r'value="(\d)" checked', refused.text) == ["1", "5"]


def test_the_home_page_tells_of_a_window_that_holds(app: Flask) -> None:
    viewer = Visitor(app, Role.VIEWER)
    assert "freeze window" not in viewer.get("/").text
    frozen()

    assert "A freeze window holds: what changes its instances waits." in viewer.get("/").text


def test_who_may_not_change_the_calendar_sees_no_buttons(app: Flask) -> None:
    frozen()
    page = Visitor(app, Role.OPERATOR).get("/calendar").text

    assert "/calendar/freezes/new" not in page
    assert "/end" not in page


def test_the_calendar_asks_the_same_number_of_questions_however_much_there_is(
    administrator: Visitor, administration: Administration
) -> None:
    administrator.post("/calendar/schedules", **CHECKS)
    frozen(administration_id=administration.id)
    with counted() as few:
        administrator.get("/calendar")
    for _ in range(3):
        frozen(administration_id=factories.instance(factories.administration(), release="1.0").administration_id)
    with counted() as many:
        administrator.get("/calendar")

    assert len(many) == len(few)


def test_all_windows_and_nights_have_pages_of_their_own(administrator: Visitor) -> None:
    frozen("holds now")
    frozen("comes", begins=now() + HOUR, ends=now() + 2 * HOUR)

    assert "holds now" not in administrator.get("/calendar/freezes?state=coming").text
    assert "No night yet" in administrator.get("/calendar/nights").text
    assert administrator.get(f"/calendar?night={date(2026, 1, 1)}").status_code == 200
    assert administrator.get("/calendar?night=never").status_code == 400
