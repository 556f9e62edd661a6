"""Complaints as people get them: real playbooks, a real PostgreSQL and real services, read back over HTTP."""

import urllib.error
from html import unescape

import pytest

from .inventory import HOSTILE_AR, HOSTILE_FR, PARAMETERS, SECRETS
from .reading import get, in_the_way, rest, schema_version, shows
from .runs import Run

pytestmark = pytest.mark.journey

LUCKY, UNLUCKY = "complain01", "complain02"
COMPLAINT = {"title": "حفرة في الطريق / Nid-de-poule", "description": "<b>Rue 12</b> 100%", "service": "roads"}
CANARIES = [*SECRETS.values(), *(secret.replace("%", "%%") for secret in SECRETS.values())]


@pytest.fixture(scope="module")
def complaints(act) -> Run:
    run = act("provision", "complaints", "2.2.0", 1, {LUCKY: {}, UNLUCKY: {}})
    assert run.status == "successful", run.said
    return run


@pytest.fixture(scope="module")
def updated(act, complaints, host, address) -> Run:
    """One update of two instances with a complaint each; something in the way of the migration waits in one of them."""
    for name in (LUCKY, UNLUCKY):
        rest(address(name), "issue", COMPLAINT)
    in_the_way(host, UNLUCKY)
    release = {"release": {"version": "2.6.0", "previous_version": "2.2.0"}}
    return act("update", "complaints", "2.6.0", 2, {LUCKY: release, UNLUCKY: release})


def test_complaints_show_their_administration_and_the_second_run_changes_nothing(act, complaints, address):
    page = get(address(LUCKY))
    again = act("provision", "complaints", "2.2.0", 1, {LUCKY: {}, UNLUCKY: {}})

    assert shows(page, HOSTILE_AR)
    assert shows(page, HOSTILE_FR)
    assert {LUCKY, UNLUCKY} <= set(complaints.changed)
    assert (again.status, again.changed) == ("successful", {})
    assert complaints.reports[LUCKY]["schema_version"] == 7


def test_a_citizen_cannot_read_complaints(complaints, address):
    rest(address(LUCKY), "issue", COMPLAINT)

    pages = [get(f"{address(LUCKY)}/{page}") for page in ("issue1", "issue?@columns=id,title", "issue?@template=item")]

    assert not [page for page in pages if COMPLAINT["title"] in unescape(page)]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        get(f"{address(LUCKY)}/rest/data/issue")


def test_secrets_are_in_no_event_and_readable_by_nobody_else(complaints, host):
    places = (host.host_root / "instances" / LUCKY, host.supervisor_conf_dir, host.logs)
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    readable = [path for path in files if path.stat().st_mode & 0o077]

    assert not [canary for canary in CANARIES if canary in complaints.everything]
    assert readable
    assert not [path for path in readable for canary in CANARIES if canary in path.read_text(errors="replace")]


def test_a_complaint_survives_the_migration_of_the_schema(updated, host, address):
    kept = rest(address(LUCKY), "issue/1")["attributes"]

    assert updated.reports[LUCKY]["active_version"] == "2.6.0"
    assert {name: kept[name] for name in ("title", "description")} == {
        name: COMPLAINT[name] for name in ("title", "description")
    }
    assert (updated.reports[LUCKY]["schema_version"], schema_version(host, LUCKY)) == (8, 8)
    assert "id" in rest(address(LUCKY), "issue", COMPLAINT)


def test_an_update_that_fails_returns_to_the_old_release_and_its_data_and_leaves_its_neighbour_alone(
    updated, host, address
):
    reason = updated.failures[UNLUCKY][-1]

    assert (updated.status, list(updated.failures)) == ("failed", [UNLUCKY])
    assert reason.startswith("The update to 2.6.0 failed, and the instance is back on 2.2.0 with its data.")
    assert "cannot alter type of a column used by a view" in reason
    assert (updated.reports[UNLUCKY]["health"], updated.reports[UNLUCKY]["active_version"]) == ("healthy", "2.2.0")
    assert schema_version(host, UNLUCKY) == 7
    assert rest(address(UNLUCKY), "issue/1")["attributes"]["title"] == COMPLAINT["title"]


def test_a_check_changes_nothing_and_tells_what_was_altered_by_hand(act, updated, host, address):
    style = host.host_root / "instances" / LUCKY / "tracker/html/style.css"
    style.write_text("body { color: red; }")

    run = act("check", "complaints", "2.6.0", 3, {LUCKY: {}, UNLUCKY: {"release": {"version": "2.2.0"}}})

    assert run.status == "successful", run.said
    assert run.reports[LUCKY] == {
        "health": "healthy",
        "active_version": "2.6.0",
        "cause": "",
        "url": address(LUCKY),
        "drift": ["file tracker/html/style.css: content differs"],
        "last_used": "",  # no proxy here
    }
    assert (run.reports[UNLUCKY]["active_version"], run.reports[UNLUCKY]["drift"]) == ("2.2.0", [])
    assert style.read_text() == "body { color: red; }"


def test_a_reconfiguration_puts_right_what_was_altered_and_stays_on_the_release(act, updated, host, address):
    style = host.host_root / "instances" / LUCKY / "tracker/html/style.css"
    style.write_text("body { color: red; }")
    release = {"release": {"version": "2.6.0", "previous_version": "2.6.0"}}
    changed = PARAMETERS["complaints"] | {"contact_email": "autre@rabat.example"}

    run = act("reconfigure", "complaints", "2.6.0", 4, {LUCKY: release | {"parameters": changed}})
    again = act("reconfigure", "complaints", "2.6.0", 5, {LUCKY: release | {"parameters": changed}})

    assert run.status == "successful", run.said
    assert run.reports[LUCKY]["active_version"] == "2.6.0"
    assert "red" not in style.read_text()
    assert "autre@rabat.example" in (style.parents[1] / "config.ini").read_text()
    assert rest(address(LUCKY), "issue/1")["attributes"]["title"] == COMPLAINT["title"]
    assert (again.status, again.changed) == ("successful", {})
