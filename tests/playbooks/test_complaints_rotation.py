"""New secrets for complaints: the old ones open nothing any more, and a rotation that fails leaves all as it was."""

import base64
import json
import urllib.error
import urllib.request
from contextlib import closing, suppress
from typing import Any

import psycopg
import pytest

from provisioner.embedded.layout import Layout

from .inventory import SECRETS
from .reading import rest
from .runs import Run

pytestmark = pytest.mark.journey

RENEWED, UNRENEWED = "rotation01", "rotation02"
NEXT = {name: f"next-{secret}" for name, secret in SECRETS.items()}
STUBBORN = """
    CREATE FUNCTION stubborn() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN RAISE EXCEPTION $$this account is mine$$; END';
    CREATE TRIGGER stubborn BEFORE UPDATE ON _user FOR EACH ROW EXECUTE FUNCTION stubborn();
"""
COMPLAINT = {"title": "Eau / ماء", "description": "100%", "service": "roads"}


def release(version: str = "2.6.0") -> dict[str, Any]:
    return {"release": {"version": version, "previous_version": version}}


def rotation(secrets: dict[str, str] = NEXT, previous: dict[str, str] = SECRETS) -> dict[str, Any]:
    return {**release(), "secrets": secrets, "previous_secrets": previous}


@pytest.fixture(scope="module")
def complaints(act, address) -> None:
    run = act("provision", "complaints", "2.6.0", 1, {RENEWED: {}, UNRENEWED: {}})
    assert run.status == "successful", run.said
    for name in (RENEWED, UNRENEWED):
        rest(address(name), "issue", COMPLAINT)


@pytest.fixture(scope="module")
def rotated(act, complaints) -> Run:
    return act("rotate", "complaints", "2.6.0", 2, {RENEWED: rotation()})


def signs_in(address: str, secrets: dict[str, str]) -> bool:
    credentials = base64.b64encode(f"admin:{secrets['admin_password']}".encode()).decode()
    request = urllib.request.Request(f"{address}/rest/data/issue/1", headers={"Authorization": f"Basic {credentials}"})
    with suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=10) as answer:
        return COMPLAINT["title"] in json.load(answer)["data"]["attributes"]["title"]
    return False


def connected(host: Layout, short_id: str, secrets: dict[str, str]) -> psycopg.Connection:
    return psycopg.connect(
        host=str(host.tenants.socket_dir),
        user=short_id,
        dbname=short_id,
        password=secrets["database_password"],
        autocommit=True,
    )


def database_admits(host: Layout, short_id: str, secrets: dict[str, str]) -> bool:
    with suppress(psycopg.OperationalError), closing(connected(host, short_id, secrets)):
        return True
    return False


def files(host: Layout, short_id: str) -> dict[str, str]:
    folder = host.host_root / "instances" / short_id / "secrets"
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_rotation_puts_new_secrets_in_place_and_the_old_ones_open_nothing(rotated, host, address):
    assert rotated.status == "successful", rotated.said
    assert (rotated.reports[RENEWED]["health"], rotated.reports[RENEWED]["active_version"]) == ("healthy", "2.6.0")
    assert (signs_in(address(RENEWED), NEXT), signs_in(address(RENEWED), SECRETS)) == (True, False)
    assert (database_admits(host, RENEWED, NEXT), database_admits(host, RENEWED, SECRETS)) == (True, False)
    assert files(host, RENEWED) == {name: NEXT[name] for name in ("database_password", "secret_key")}


def test_a_rotation_that_was_cut_off_and_is_run_again_changes_nothing_more(act, rotated):
    again = act("rotate", "complaints", "2.6.0", 3, {RENEWED: rotation()})

    assert (again.status, again.changed) == ("successful", {})


def test_neither_the_new_secrets_nor_the_old_ones_are_in_what_the_run_says(rotated):
    assert not [secret for secret in (*SECRETS.values(), *NEXT.values()) if secret in rotated.everything]


def test_a_password_that_is_not_renewed_stays_as_its_owner_has_chosen_it(act, rotated, address):
    mine = rest(address(RENEWED), "user/1", password=NEXT["admin_password"])
    chosen = {"admin_password": "chosen by the officer"}
    rest(address(RENEWED), "user/1", {"password": chosen["admin_password"]}, NEXT["admin_password"], instead_of=mine)

    run = act("rotate", "complaints", "2.6.0", 4, {RENEWED: rotation({**NEXT, "secret_key": "third-key"}, NEXT)})

    assert run.status == "successful", run.said
    assert signs_in(address(RENEWED), chosen)


def test_a_rotation_that_fails_at_its_end_returns_to_the_secrets_of_before(act, complaints, host, address):
    with closing(connected(host, UNRENEWED, SECRETS)) as connection:
        connection.execute(STUBBORN)

    run = act("rotate", "complaints", "2.6.0", 5, {UNRENEWED: rotation()})

    assert (run.status, list(run.failures)) == ("failed", [UNRENEWED])
    assert run.failures[UNRENEWED][-1].startswith("The secrets were not renewed, and the instance has those of before.")
    assert "this account is mine" in run.failures[UNRENEWED][-1]
    assert as_before(host, address(UNRENEWED), run)
    with closing(connected(host, UNRENEWED, SECRETS)) as connection:
        connection.execute("DROP TRIGGER stubborn ON _user")


def test_a_second_attempt_that_fails_takes_back_what_the_first_had_put_in_place(act, complaints, host, address):
    first = act("rotate", "complaints", "2.6.0", 6, {UNRENEWED: rotation()})
    had = signs_in(address(UNRENEWED), NEXT)
    unusable = {**NEXT, "database_password": "كلمة"}

    second = act("rotate", "complaints", "2.6.0", 7, {UNRENEWED: rotation(unusable)})

    assert (first.status, had, second.status) == ("successful", True, "failed")
    assert as_before(host, address(UNRENEWED), second)


def as_before(host: Layout, address: str, run: Run) -> bool:
    """Everything has the secrets of before, nothing the new ones, and the run says so."""
    told = run.reports[UNRENEWED]
    assert (told["health"], told["active_version"], told["secrets"]) == ("healthy", "2.6.0", "previous")
    assert files(host, UNRENEWED) == {name: SECRETS[name] for name in ("database_password", "secret_key")}
    assert (database_admits(host, UNRENEWED, SECRETS), database_admits(host, UNRENEWED, NEXT)) == (True, False)
    return signs_in(address, SECRETS) and not signs_in(address, NEXT)
