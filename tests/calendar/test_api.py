"""What programs see and do in the calendar."""

from datetime import time
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.administrations.models import Administration
from provisioner.calendar import service
from provisioner.calendar.lifecycle import Window
from provisioner.calendar.service import Arrangement
from provisioner.db import transaction
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs.models import Job
from provisioner.requests import service as requests
from provisioner.requests.service import Selection
from tests import factories
from tests.calendar.windows import HOUR, frozen, now
from tests.factories import Api
from tests.visitors import Visitor

CHECKS = {"action": "check", "opens": "01:00", "closes": "05:00", "reason": "Nightly check"}


@pytest.fixture
def administrator(app: Flask) -> Api:
    return Api(app, Role.ADMINISTRATOR)


@pytest.fixture
def job(administration: Administration) -> Job:
    return factories.asked(administration.id)


def window(**more: Any) -> dict[str, Any]:
    return {"ends": (now() + HOUR).isoformat(), "reason": "elections", **more}


def test_a_window_is_planned_and_listed_with_what_it_stops(administrator: Api, job: Job) -> None:
    planned = administrator.post("/calendar/freezes", json=window())

    assert planned.status_code == 200
    [listed] = administrator.get("/calendar/freezes").json["items"]
    assert listed == planned.json
    assert {name: listed[name] for name in ("scope", "state", "reason", "waiting", "planner")} == {
        "scope": "global", "state": "holding", "reason": "elections", "waiting": 1, "planner": "Amina",
    }  # fmt: skip


def test_a_window_is_for_an_app_or_an_administration_by_what_people_call_them(administrator: Api, job: Job) -> None:
    slug = factories.administration("sale").slug
    apps = administrator.post("/calendar/freezes", json=window(app="complaints")).json
    theirs = administrator.post("/calendar/freezes", json=window(administration=slug)).json

    assert (apps["scope"], apps["app"], apps["waiting"]) == ("app", "complaints", 1)
    assert (theirs["scope"], theirs["administration"], theirs["waiting"]) == ("administration", "sale", 0)


def test_a_job_that_waits_for_a_window_says_so(administrator: Api, job: Job) -> None:
    administrator.post("/calendar/freezes", json=window())

    waits = administrator.get(f"/jobs/{job.id}").json["waits"]

    assert (waits["reason"], waits["explanation"], waits["what"]) == ("frozen", "elections", "")
    assert waits["until"]


def test_windows_are_narrowed_by_their_state_and_read_page_by_page(administrator: Api) -> None:
    for number in range(3):
        frozen(f"holds {number}")
    frozen("comes", begins=now() + HOUR, ends=now() + 2 * HOUR)

    first = administrator.get("/calendar/freezes?state=holding&page_size=2").json
    second = administrator.get(f"/calendar/freezes?state=holding&page_size=2&cursor={first['next']}").json

    assert sorted(each["reason"] for each in first["items"] + second["items"]) == ["holds 0", "holds 1", "holds 2"]
    assert second["next"] is None
    assert [each["reason"] for each in administrator.get("/calendar/freezes?state=coming").json["items"]] == ["comes"]
    assert administrator.get("/calendar/freezes?state=melting").status_code == 400


def test_a_window_is_ended_once(administrator: Api) -> None:
    freeze = frozen()
    address = f"/calendar/freezes/{freeze.id}/end"

    assert administrator.post(address, json={"reason": "done"}).json["state"] == "over"
    again = administrator.post(address, json={"reason": "done"})
    assert (again.status_code, again.json["code"]) == (409, "freeze-over")
    assert administrator.post(f"/calendar/freezes/{UUID(int=1)}/end", json={"reason": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"ends": (now() - HOUR).isoformat()}, "/ends"),
        ({"ends": "2026-12-01T10:00"}, "/ends"),
        ({"app": "complaints", "administration": "sale"}, "/administration"),
        ({"reason": ""}, "/reason"),
        ({"colour": "blue"}, "/colour"),
    ],
    ids=["past", "without an offset", "for two", "without a reason", "unknown field"],
)
def test_a_window_that_makes_no_sense_is_refused(administrator: Api, wrong: dict[str, str], pointer: str) -> None:
    factories.app()
    factories.administration("sale")

    refused = administrator.post("/calendar/freezes", json=window(**wrong))

    assert refused.status_code == 422
    assert [fault["pointer"] for fault in refused.json["errors"]] == [pointer]
    assert administrator.get("/calendar/freezes").json["items"] == []


def test_who_approves_lets_a_job_through_and_who_operates_does_not(app: Flask, job: Job) -> None:
    frozen()
    address = f"/jobs/{job.id}/let-through"

    assert Api(app, Role.OPERATOR).post(address, json={"reason": "I want"}).status_code == 403
    assert Api(app, Role.APPROVER).post(f"{address}?dry_run=true", json={"reason": "urgent"}).json == {"jobs": 1}
    assert factories.job(job.id).let_through is False
    assert Api(app, Role.APPROVER).post(address, json={"reason": "urgent"}).json == {"jobs": 1}
    assert factories.claimed().job_id == job.id


def test_a_request_is_let_through_as_a_whole(administrator: Api, instance: Instance) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)
    frozen()
    address = f"/requests/{update.request_id}/let-through"

    assert administrator.post(address, json={"reason": "urgent"}).json == {"jobs": 1}
    again = administrator.post(address, json={"reason": "urgent"})
    assert (again.status_code, again.json["code"]) == (409, "nothing-frozen")


def test_a_schedule_is_arranged_changed_and_removed(administrator: Api) -> None:
    [entered] = administrator.post("/calendar/schedules", json=CHECKS).json["items"]
    [changed] = administrator.post("/calendar/schedules", json={**CHECKS, "days": [1, 2], "enabled": False}).json[
        "items"
    ]

    assert (entered["opens"], entered["closes"], entered["days"]) == ("01:00", "05:00", [1, 2, 3, 4, 5, 6, 7])
    assert changed["id"] == entered["id"]
    assert (changed["days"], changed["enabled"]) == ([1, 2], False)
    assert administrator.post(f"/calendar/schedules/{entered['id']}/remove", json={"reason": "x"}).json["items"] == []


@pytest.mark.parametrize(
    "wrong",
    [{"action": "update"}, {"opens": "25:00"}, {"closes": "01:00"}, {"closes": "14:00"}, {"days": []}, {"days": [8]}],
)
def test_a_schedule_that_makes_no_sense_is_refused(administrator: Api, wrong: dict[str, Any]) -> None:
    refused = administrator.post("/calendar/schedules", json={**CHECKS, **wrong})

    assert refused.status_code == 422
    assert administrator.get("/calendar/schedules").json["items"] == []


def test_a_dry_run_keeps_nothing(administrator: Api) -> None:
    assert len(administrator.post("/calendar/schedules?dry_run=true", json=CHECKS).json["items"]) == 1
    assert administrator.post("/calendar/freezes?dry_run=true", json=window()).status_code == 200

    assert administrator.get("/calendar/schedules").json["items"] == []
    assert administrator.get("/calendar/freezes").json["items"] == []


def test_a_night_is_foreseen_by_the_hour(administrator: Api, instance: Instance) -> None:
    factories.instance(factories.administration(), release="1.0")
    administrator.post("/calendar/schedules", json=CHECKS)

    foreseen = administrator.get("/calendar/preview?night=2030-11-24").json

    [sweep] = foreseen["sweeps"]
    assert (sweep["action"], sweep["app"], sweep["instances"]) == ("check", "complaints", 2)
    assert (sweep["opens_at"], sweep["closes_at"]) == ("2030-11-25T01:00:00+00:00", "2030-11-25T05:00:00+00:00")
    assert [hour["at"][11:16] for hour in sweep["hours"]] == ["01:00", "02:00", "03:00", "04:00"]
    assert sum(hour["instances"] for hour in sweep["hours"]) == 2
    assert sweep["opens_at"] <= sweep["first"] < sweep["last"] < sweep["closes_at"]


def test_a_foreseen_night_names_its_windows_and_who_is_left_out(administrator: Api, instance: Instance) -> None:
    other = factories.app("open-data")
    with factories.transaction() as session:
        other.manifest = {**other.manifest, "actions": ["provision"]}
        session.add(other)
    administrator.post("/calendar/schedules", json=CHECKS)
    frozen("census", ends=now() + 48 * HOUR)

    foreseen = administrator.get(f"/calendar/preview?night={now().date()}").json

    assert [freeze["reason"] for freeze in foreseen["freezes"]] == ["census"]
    assert foreseen["left_out"] == [{"action": "check", "app": "open-data"}]


def test_requests_of_schedules_do_not_stand_between_those_of_people(app: Flask, instance: Instance) -> None:
    with transaction():
        schedule = service.arrange(Arrangement(Action.CHECK, Window(time(1), time(5)), "Nightly check")).id
    with transaction():
        asked = requests.ask_many(
            Selection("complaints", [instance.id]), Action.CHECK, "Nightly check", schedule_id=schedule
        ).id
    viewer, api = Visitor(app, Role.VIEWER), Api(app, Role.VIEWER)

    [scheduled] = api.get("/requests?scheduled=true").json["items"]
    assert (scheduled["id"], scheduled["schedule_id"]) == (str(asked), str(schedule))
    assert [each["reason"] for each in api.get("/requests?scheduled=false").json["items"]] == ["test"]
    assert len(api.get("/requests").json["items"]) == 2
    assert "Nightly check" not in viewer.get("/requests").text
    assert "Nightly check" in viewer.get("/requests?scheduled=true").text
    assert "Command line" not in viewer.get(f"/requests/{asked}").text


def test_nights_are_listed(administrator: Api) -> None:
    assert administrator.get("/calendar/nights").json == {"items": [], "next": None}


@pytest.mark.parametrize("address", ["/calendar/freezes", "/calendar/schedules"])
def test_only_administrators_change_the_calendar(app: Flask, address: str) -> None:
    body = window() if address.endswith("freezes") else CHECKS

    assert Api(app, Role.OPERATOR, Role.APPROVER).post(address, json=body).status_code == 403
    assert Api(app, Role.VIEWER).get(address).status_code == 200
