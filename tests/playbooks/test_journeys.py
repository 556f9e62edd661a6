"""The apps as people get them: real playbooks, a real PostgreSQL, real services, read back over HTTP."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from html import unescape
from typing import Any

import psycopg
import pytest

from provisioner.embedded.layout import Layout

from .inventory import HOSTILE_AR, HOSTILE_FR, PARAMETERS, SECRETS, instance, server, write
from .runs import Run

pytestmark = pytest.mark.journey

HOSTILE = {"id": "x", "slug": "hostile", "name_ar": HOSTILE_AR, "name_fr": HOSTILE_FR, "name_en": ""}
PORTAL, LUCKY, UNLUCKY = "a000000001", "a000000002", "a000000003"
COMPLAINT = {"title": "حفرة في الطريق / Nid-de-poule", "description": "<b>Rue 12</b> 100%", "service": "roads"}
CANARIES = [*SECRETS.values(), *(secret.replace("%", "%%") for secret in SECRETS.values())]


@pytest.fixture(scope="module")
def ports(free_port) -> dict[str, int]:
    return {short_id: free_port() for short_id in (PORTAL, LUCKY, UNLUCKY)}


@pytest.fixture(scope="module")
def act(host: Layout, run, ports, tmp_path_factory) -> Callable[..., Run]:
    """Runs an action of an app on instances, given what is peculiar to each: at least its release."""

    def once(action: str, app: str, version: str, fence: int, instances: dict[str, dict[str, Any]]) -> Run:
        usual = {"administration": HOSTILE, "job": {"id": f"job-{fence}", "action": action, "fence": fence}}
        inventory = write(
            tmp_path_factory.mktemp("inventory") / "inventory.yml",
            {"here": server(host, app, version)},
            {name: instance(host, app, name, ports[name], version, **usual | own) for name, own in instances.items()},
        )
        return run(inventory, app, action)

    return once


@pytest.fixture
def address(ports) -> Callable[[str], str]:
    return lambda short_id: f"http://127.0.0.1:{ports[short_id]}"


@pytest.fixture(scope="module")
def portal(act) -> Run:
    run = act("provision", "open-data", "0.64.8", 1, {PORTAL: {}})
    assert run.status == "successful", run.said
    return run


@pytest.fixture(scope="module")
def complaints(act) -> Run:
    run = act("provision", "complaints", "2.2.0", 1, {LUCKY: {}, UNLUCKY: {}})
    assert run.status == "successful", run.said
    return run


@pytest.fixture(scope="module")
def updated(act, complaints, host, ports) -> Run:
    """One update of two instances with a complaint each; something in the way of the migration waits in one of them."""
    for name in (LUCKY, UNLUCKY):
        rest(f"http://127.0.0.1:{ports[name]}", "issue", COMPLAINT)
    with closing(database(host, UNLUCKY)) as connection:
        connection.execute("CREATE VIEW in_the_way AS SELECT session_time FROM sessions")
    release = {"release": {"version": "2.6.0", "previous_version": "2.2.0"}}
    return act("update", "complaints", "2.6.0", 2, {LUCKY: release, UNLUCKY: release})


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


def database(host: Layout, short_id: str) -> psycopg.Connection:
    return psycopg.connect(
        host=str(host.tenants.socket_dir),
        user=short_id,
        password=SECRETS["database_password"],
        dbname=short_id,
        autocommit=True,
    )


def schema_version(host: Layout, short_id: str) -> int:
    with closing(database(host, short_id)) as connection:
        text = connection.execute("SELECT schema FROM schema").fetchone()[0]
    return int(text.split("'version': ")[1].split(",")[0])


def shows(page: str, text: str) -> bool:
    """Whether a reader sees the text, and the browser no markup of it."""
    return text in unescape(page) and "<script>alert" not in page


def test_a_portal_shows_its_administration_and_the_second_run_changes_nothing(act, portal, address):
    page = get(address(PORTAL))
    again = act("provision", "open-data", "0.64.8", 1, {PORTAL: {}})

    assert shows(page, HOSTILE_AR)
    assert shows(page, HOSTILE_FR)
    assert set(portal.changed) == {"here", PORTAL}
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


def test_complaints_show_their_administration_and_the_second_run_changes_nothing(act, complaints, address):
    page = get(address(LUCKY))
    again = act("provision", "complaints", "2.2.0", 1, {LUCKY: {}, UNLUCKY: {}})

    assert shows(page, HOSTILE_AR)
    assert shows(page, HOSTILE_FR)
    assert set(complaints.changed) == {"here", LUCKY, UNLUCKY}
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
    }
    assert (run.reports[UNLUCKY]["active_version"], run.reports[UNLUCKY]["drift"]) == ("2.2.0", [])
    assert style.read_text() == "body { color: red; }"
