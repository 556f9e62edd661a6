"""The apps as people get them: real playbooks, a real PostgreSQL, real services, read back over HTTP."""

import base64
import json
import urllib.request
from collections.abc import Callable
from contextlib import closing
from html import escape
from typing import Any

import psycopg
import pytest

from provisioner.embedded.layout import Layout

from .inventory import HOSTILE_AR, HOSTILE_FR, SECRETS, instance, server, write
from .runs import Run

pytestmark = pytest.mark.journey

HOSTILE = {"id": "x", "slug": "hostile", "name_ar": HOSTILE_AR, "name_fr": HOSTILE_FR, "name_en": ""}
PORTAL, COMPLAINTS, UNLUCKY = "a000000001", "a000000002", "a000000003"
CANARIES = [*SECRETS.values(), *(secret.replace("%", "%%") for secret in SECRETS.values())]


@pytest.fixture(scope="module")
def ports(free_port) -> dict[str, int]:
    return {short_id: free_port() for short_id in (PORTAL, COMPLAINTS, UNLUCKY)}


@pytest.fixture(scope="module")
def act(host: Layout, run, ports, tmp_path_factory) -> Callable[..., Run]:
    """Runs an action of an app on some of its instances, all with the same changes to their variables."""

    def once(action: str, app: str, version: str, *short_ids: str, runtime: bool = True, **changes: Any) -> Run:
        variables = changes.pop("variables", {})
        servers = {"here": server(host, app, version)} if runtime else {}
        instances = {name: instance(host, app, name, ports[name], version, **changes) for name in short_ids}
        inventory = write(tmp_path_factory.mktemp("inventory") / "inventory.yml", servers, instances)
        return run(inventory, app, action, **variables)

    return once


@pytest.fixture(scope="module")
def portal(act) -> Run:
    return act("provision", "open-data", "0.64.8", PORTAL, administration=HOSTILE)


@pytest.fixture(scope="module")
def complaints(act) -> Run:
    return act("provision", "complaints", "2.2.0", COMPLAINTS, UNLUCKY, administration=HOSTILE)


@pytest.fixture
def address(ports) -> Callable[[str], str]:
    return lambda short_id: f"http://127.0.0.1:{ports[short_id]}"


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def rest(address: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """A call of the tracker's REST interface as its administrator."""
    credentials = base64.b64encode(f"admin:{SECRETS['admin_password']}".encode()).decode()
    request = urllib.request.Request(
        f"{address}/rest/data/{path}",
        data=json.dumps(body).encode() if body else None,
        headers={
            "Authorization": f"Basic {credentials}",
            "Content-Type": "application/json",
            "X-Requested-With": "rest",
            "Origin": address,
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["data"]


def schema_version(host: Layout, short_id: str) -> int:
    connection = psycopg.connect(
        host=str(host.tenants.socket_dir),
        user=short_id,
        password=SECRETS["database_password"],
        dbname=short_id,
    )
    with closing(connection):
        text = connection.execute("SELECT schema FROM schema").fetchone()[0]
    return int(text.split("'version': ")[1].split(",")[0])


def as_html(text: str) -> set[str]:
    """The ways in which a page may spell this text."""
    escaped = escape(text)
    return {escaped, escaped.replace("&#x27;", "&#39;"), escape(text, quote=False)}


def shows(page: str, text: str) -> bool:
    return any(spelling in page for spelling in as_html(text))


def test_a_portal_shows_its_administration_and_the_second_run_changes_nothing(act, portal, address):
    page = get(address(PORTAL))
    again = act("provision", "open-data", "0.64.8", PORTAL, administration=HOSTILE)

    assert (portal.status, again.status) == ("successful", "successful")
    assert shows(page, HOSTILE_AR)
    assert shows(page, HOSTILE_FR)
    assert "<script>alert" not in page
    assert portal.changed[PORTAL] > 0
    assert again.changed == {}
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
    run = act(
        "update",
        "open-data",
        "0.65.5",
        PORTAL,
        administration=HOSTILE,
        release={"version": "0.65.5", "previous_version": "0.64.8"},
        job={"id": "job-2", "action": "update", "fence": 2},
    )

    assert run.status == "successful"
    assert run.reports[PORTAL]["active_version"] == "0.65.5"
    assert run.reports[PORTAL]["backup"]["version"] == "0.64.8"
    assert '"version": "0.65.5"' in get(f"{address(PORTAL)}/-/versions.json")


def test_a_job_that_lost_its_claim_touches_nothing(act, portal, host):
    facts = host.host_root / "instances" / PORTAL / "portal/metadata.json"
    act("provision", "open-data", "0.65.5", PORTAL, runtime=False, job={"id": "j", "action": "provision", "fence": 9})
    before = facts.read_text()

    run = act("provision", "open-data", "0.65.5", PORTAL, runtime=False, administration=HOSTILE)

    assert run.status == "failed"
    assert run.failures[PORTAL] == ["Nothing was touched: this job carries fence 1, and the host has served fence 9."]
    assert facts.read_text() == before


def test_complaints_show_their_administration_and_the_second_run_changes_nothing(act, complaints, address):
    page = get(address(COMPLAINTS))
    again = act("provision", "complaints", "2.2.0", COMPLAINTS, UNLUCKY, administration=HOSTILE)

    assert (complaints.status, again.status) == ("successful", "successful")
    assert shows(page, HOSTILE_AR)
    assert shows(page, HOSTILE_FR)
    assert "<script>alert" not in page
    assert again.changed == {}
    assert complaints.reports[COMPLAINTS]["schema_version"] == 7


def test_secrets_are_in_no_event_and_readable_by_nobody_else(complaints, host):
    readable = [
        path
        for place in (host.host_root / "instances" / COMPLAINTS, host.supervisor_conf_dir, host.logs)
        for path in place.rglob("*")
        if path.is_file() and path.stat().st_mode & 0o077
    ]

    assert not [canary for canary in CANARIES if canary in complaints.everything]
    assert readable
    assert not [path for path in readable for canary in CANARIES if canary in path.read_text(errors="replace")]


def test_a_check_changes_nothing_and_tells_what_was_altered_by_hand(act, complaints, host, address):
    style = host.host_root / "instances" / COMPLAINTS / "tracker/html/style.css"
    original = style.read_text()
    style.write_text("body { color: red; }")

    run = act("check", "complaints", "2.2.0", COMPLAINTS, UNLUCKY, administration=HOSTILE)

    assert run.status == "successful"
    assert run.reports[COMPLAINTS] == {
        "health": "healthy",
        "active_version": "2.2.0",
        "cause": "",
        "url": address(COMPLAINTS),
        "drift": ["file tracker/html/style.css: content differs"],
    }
    assert run.reports[UNLUCKY]["drift"] == []
    assert style.read_text() == "body { color: red; }"
    style.write_text(original)


def test_a_complaint_survives_the_migration_of_the_schema(act, complaints, host, address):
    filed = {"title": "حفرة في الطريق / Nid-de-poule", "description": "<b>Rue 12</b> 100%", "service": "roads"}
    number = rest(address(COMPLAINTS), "issue", filed)["id"]

    run = act(
        "update",
        "complaints",
        "2.6.0",
        COMPLAINTS,
        administration=HOSTILE,
        release={"version": "2.6.0", "previous_version": "2.2.0"},
        job={"id": "job-2", "action": "update", "fence": 2},
    )

    kept = rest(address(COMPLAINTS), f"issue/{number}")["attributes"]
    assert run.status == "successful"
    assert (kept["title"], kept["description"]) == (filed["title"], filed["description"])
    assert (run.reports[COMPLAINTS]["schema_version"], schema_version(host, COMPLAINTS)) == (8, 8)
    assert rest(address(COMPLAINTS), "issue", {"title": "another"})["id"] != number


def test_a_failed_update_returns_to_the_old_release_with_its_data(act, complaints, host, address):
    """The release that fails has the code of 2.6.0, so it migrates and starts, and then is not what was promised."""
    number = rest(address(UNLUCKY), "issue", {"title": "قبل التحيين"})["id"]
    runtimes = host.host_root / "runtimes"
    act("provision", "complaints", "2.6.0")
    (runtimes / "complaints-2.6.1").symlink_to((runtimes / "complaints-2.6.0").readlink())

    run = act(
        "update",
        "complaints",
        "2.6.1",
        UNLUCKY,
        runtime=False,
        administration=HOSTILE,
        release={"version": "2.6.1", "previous_version": "2.2.0"},
        job={"id": "job-2", "action": "update", "fence": 2},
        variables={"health_timeout": 1},
    )

    assert run.status == "failed"
    assert run.failures[UNLUCKY][-1].startswith(
        "The update to 2.6.1 failed, and the instance is back on 2.2.0 with its data."
    )
    assert "it serves release 2.6.0, not 2.6.1" in run.failures[UNLUCKY][-1]
    assert (run.reports[UNLUCKY]["health"], run.reports[UNLUCKY]["active_version"]) == ("healthy", "2.2.0")
    assert schema_version(host, UNLUCKY) == 7
    assert rest(address(UNLUCKY), f"issue/{number}")["attributes"]["title"] == "قبل التحيين"
    again = act(
        "check", "complaints", "2.2.0", UNLUCKY, administration=HOSTILE, job={"id": "c", "action": "check", "fence": 3}
    )
    assert again.reports[UNLUCKY]["drift"] == []
