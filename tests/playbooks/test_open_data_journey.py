"""The portal as people get it: real playbooks and a real service, read back over HTTP."""

import json

import pytest

from .inventory import HOSTILE_AR, HOSTILE_FR, PARAMETERS
from .reading import get, shows
from .runs import Run

pytestmark = pytest.mark.journey

PORTAL = "portal0001"


@pytest.fixture(scope="module")
def portal(act) -> Run:
    run = act("provision", "open-data", "0.64.8", 1, {PORTAL: {}})
    assert run.status == "successful", run.said
    return run


def test_a_portal_shows_its_administration_and_the_second_run_changes_nothing(act, portal, address):
    page = get(address(PORTAL))
    again = act("provision", "open-data", "0.64.8", 1, {PORTAL: {}})

    assert shows(page, HOSTILE_AR)
    assert shows(page, HOSTILE_FR)
    assert PORTAL in portal.changed
    assert (again.status, again.changed) == ("successful", {})
    assert again.reports[PORTAL] == {
        "health": "healthy",
        "active_version": "0.64.8",
        "cause": "",
        "url": address(PORTAL),
    }


def test_the_parameters_of_a_portal_are_in_force(portal, address):
    settings = json.loads(get(f"{address(PORTAL)}/-/settings.json"))
    dataset = json.loads(get(f"{address(PORTAL)}/portal/administration.json?_shape=array"))

    assert settings["default_page_size"] == 25
    assert settings["allow_csv_stream"] is True
    assert "portal blue" in get(address(PORTAL))
    assert (dataset[0]["name_ar"], dataset[0]["name_fr"]) == (HOSTILE_AR, HOSTILE_FR)


def test_a_portal_moves_to_the_next_release(act, portal, address):
    release = {"release": {"version": "0.65.5", "previous_version": "0.64.8"}}

    run = act("update", "open-data", "0.65.5", 3, {PORTAL: release})

    assert run.status == "successful", run.said
    assert run.reports[PORTAL]["active_version"] == "0.65.5"
    assert run.reports[PORTAL]["backup"]["version"] == "0.64.8"
    assert '"version": "0.65.5"' in get(f"{address(PORTAL)}/-/versions.json")


def test_a_job_that_lost_its_claim_touches_nothing(act, portal, host):
    (host.host_root / "guard" / f"{PORTAL}.fence").write_text("9")

    run = act(
        "provision", "open-data", "0.64.8", 8, {PORTAL: {"parameters": PARAMETERS["open-data"] | {"page_size": 9}}}
    )

    assert run.status == "failed"
    assert run.failures[PORTAL] == ["Nothing was touched: this job carries fence 8, and the host has served fence 9."]
    assert PORTAL not in run.changed


def test_a_portal_is_given_other_settings_and_names_and_restarts_only_then(act, portal, address):
    release = {"release": {"version": "0.65.5", "previous_version": "0.65.5"}}
    other = {
        "parameters": PARAMETERS["open-data"] | {"page_size": 7},
        "administration": {"id": "x", "slug": "x", "name_ar": "إدارة", "name_fr": "Renommée", "name_en": ""},
    }

    run = act("reconfigure", "open-data", "0.65.5", 10, {PORTAL: release | other})
    again = act("reconfigure", "open-data", "0.65.5", 11, {PORTAL: release | other})

    assert run.status == "successful", run.said
    assert json.loads(get(f"{address(PORTAL)}/-/settings.json"))["default_page_size"] == 7
    dataset = json.loads(get(f"{address(PORTAL)}/portal/administration.json?_shape=array"))
    assert dataset[0]["name_fr"] == "Renommée"
    assert run.reports[PORTAL]["active_version"] == "0.65.5"
    assert (again.status, again.changed) == ("successful", {})
