"""A document exchange as people get it: real playbooks and real services, uploads and downloads over HTTP."""

import json
import sqlite3
import urllib.error
from contextlib import closing
from urllib.parse import quote, unquote

import pytest
from playwright.sync_api import Browser, expect

from provisioner.embedded.layout import Layout
from tests.running import wait_for

from .inventory import HOSTILE_AR, HOSTILE_FR, PARAMETERS, SECRETS
from .reading import ask, get, shows
from .runs import Run

pytestmark = pytest.mark.journey

LUCKY, UNLUCKY = "exchange01", "exchange02"
OFFICER = {"PW": SECRETS["admin_password"]}
LETTER = "رسالة / lettre\n"
HOSTILE_NAMES = ["{{ 7*7 }} $(id) %s.txt", "<img src=x onerror=alert(1)>.txt", "اسم ; rm -rf ~ & '\".txt"]


def listed(address: str, folder: str) -> list[str]:
    return [unquote(file["href"]) for file in json.loads(ask(f"{address}/{folder}/?ls", headers=OFFICER))["files"]]


def give(address: str, name: str, content: str, **headers: str) -> None:
    ask(f"{address}/exchange/{quote(name)}", "PUT", content.encode(), OFFICER | headers)


def drop(address: str, name: str, content: str) -> str:
    """Drop a document into the public box as a browser does, without an account."""
    lines = [
        "--x",
        'Content-Disposition: form-data; name="act"',
        "",
        "bput",
        "--x",
        'Content-Disposition: form-data; name="f"; filename="{}"'.format(name.replace('"', "%22")),
        "",
        content,
        "--x--",
        "",
    ]
    form = "\r\n".join(lines).encode()
    return ask(f"{address}/deposit/?j", "POST", form, {"Content-Type": "multipart/form-data; boundary=x"})


def index(host: Layout, short_id: str) -> tuple[int, list[tuple[str, str]]]:
    """The version of an exchange's index, and who uploaded what according to it."""
    file = host.host_root / "instances" / short_id / "index/exchange/up2k.db"
    with closing(sqlite3.connect(file)) as uploads:
        version = uploads.execute("SELECT v FROM kv WHERE k = 'sver'").fetchone()[0]
        return int(version), sorted(uploads.execute("SELECT fn, ip FROM up WHERE at > 0").fetchall())


@pytest.fixture(scope="module")
def exchanges(act) -> Run:
    run = act("provision", "files", "1.9.31", 1, {LUCKY: {}, UNLUCKY: {}})
    assert run.status == "successful", run.said
    return run


@pytest.fixture(scope="module")
def updated(act, exchanges, host, address) -> Run:
    """One update of two exchanges with a letter each; in one of them something is in the way of the migration."""
    for name in (LUCKY, UNLUCKY):
        give(address(name), "lettre.txt", LETTER)
        wait_for("the letter in the index", lambda name=name: index(host, name)[1])
    with closing(sqlite3.connect(host.host_root / "instances" / UNLUCKY / "index/exchange/up2k.db")) as uploads:
        uploads.execute("ALTER TABLE up ADD COLUMN un text")
        uploads.commit()
    release = {"release": {"version": "1.20.26", "previous_version": "1.9.31"}}
    return act("update", "files", "1.20.26", 2, {LUCKY: release, UNLUCKY: release})


def test_an_exchange_shows_its_administration_and_the_second_run_changes_nothing(act, exchanges, address):
    page = get(address(LUCKY))
    again = act("provision", "files", "1.9.31", 1, {LUCKY: {}, UNLUCKY: {}})

    assert shows(page, HOSTILE_AR)
    assert shows(page, HOSTILE_FR)
    assert '<html lang="ar" dir="rtl">' in page
    assert {LUCKY, UNLUCKY} <= set(exchanges.changed)
    assert (again.status, again.changed) == ("successful", {})
    assert again.reports[LUCKY] == {
        "health": "healthy",
        "active_version": "1.9.31",
        "cause": "",
        "url": address(LUCKY),
        "schema_version": 5,
    }


def test_only_officers_read_what_the_public_drops(exchanges, address):
    drop(address(LUCKY), "demande.txt", LETTER)

    assert "demande.txt" in listed(address(LUCKY), "deposit")
    assert ask(f"{address(LUCKY)}/deposit/demande.txt", headers=OFFICER) == LETTER
    for path in ("deposit/demande.txt", "exchange/?ls"):
        with pytest.raises(urllib.error.HTTPError, match=r"403|404"):
            get(f"{address(LUCKY)}/{path}")
    assert "demande.txt" not in get(f"{address(LUCKY)}/deposit/?ls")


def test_who_asks_often_for_what_is_not_theirs_is_not_shut_out_from_the_rest(exchanges, address):
    for _ in range(12):
        with pytest.raises(urllib.error.HTTPError, match=r"403|404"):
            get(f"{address(UNLUCKY)}/exchange/?ls")

    assert shows(get(address(UNLUCKY)), HOSTILE_FR)


def test_two_exchanges_never_see_each_others_documents(exchanges, address):
    give(address(LUCKY), "ici.txt", LETTER)

    assert "ici.txt" in listed(address(LUCKY), "exchange")
    assert "ici.txt" not in listed(address(UNLUCKY), "exchange")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_of_documents_are_just_text(exchanges, address, name):
    give(address(LUCKY), name, LETTER)

    assert ask(f"{address(LUCKY)}/exchange/{quote(name)}", headers=OFFICER) == LETTER
    assert "<img src=x" not in ask(f"{address(LUCKY)}/exchange/", headers=OFFICER)


def test_a_document_with_a_script_is_shown_as_text_and_leaves_no_folder(exchanges, host, address):
    drop(address(LUCKY), "../../secrets/page.html", "<script>alert(1)</script>")

    assert "page.html" in listed(address(LUCKY), "deposit")
    assert not list((host.host_root / "instances" / LUCKY / "secrets").glob("page*"))
    kind = ask(f"{address(LUCKY)}/deposit/page.html", "HEAD", headers=OFFICER, of="Content-Type")
    assert kind.startswith("text/plain")


@pytest.mark.browser
def test_an_officer_finds_what_was_dropped_and_deletes_it_on_a_page_in_both_languages(
    exchanges, address, chromium: Browser
):
    name = "<img src=x onerror=alert(1)> مطلب.txt"
    page = chromium.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(address(UNLUCKY))
    box = page.locator("section[lang=fr] form[data-done]")
    box.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/plain", "buffer": b"x"})
    box.locator("button").click()
    expect(box.locator("output")).to_have_text("Document déposé.")

    page.fill("section[lang=ar] input[name=cppwd]", SECRETS["admin_password"])
    page.click("section[lang=ar] form:not([data-done]) button")
    page.wait_for_url("**/officers/")
    row = page.locator("table[data-folder='/deposit/'] tbody tr")

    expect(row).to_contain_text(name)
    row.locator("button").click()
    expect(row).to_have_count(0)
    assert page.locator("main img").count() == 0
    assert listed(address(UNLUCKY), "deposit") == []


@pytest.mark.parametrize("name", ["README.md", ".prologue.html"])
def test_a_document_never_becomes_part_of_the_page_around_it(exchanges, address, name):
    drop(address(LUCKY), name, "<script>alert(2)</script>")

    assert listed(address(LUCKY), "deposit")
    for page in ("deposit/", "deposit/?ls"):
        assert "alert(2)" not in ask(f"{address(LUCKY)}/{page}", headers=OFFICER)


def test_a_document_that_is_too_large_is_refused(exchanges, address):
    with pytest.raises(urllib.error.HTTPError, match=r"400|413"):
        give(address(LUCKY), "large.bin", "x" * (1024 * 1024 + 1))

    assert "large.bin" not in listed(address(LUCKY), "exchange")


def test_secrets_are_in_no_event_and_readable_by_nobody_else(exchanges, host):
    places = (host.host_root / "instances" / LUCKY, host.supervisor_conf_dir)
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    readable = [path for path in files if path.stat().st_mode & 0o077]

    assert SECRETS["admin_password"] not in exchanges.everything
    assert readable
    assert not [path for path in readable if SECRETS["admin_password"] in path.read_text(errors="replace")]


def test_documents_and_their_history_survive_the_migration_of_the_index(updated, host, address):
    version, uploads = index(host, LUCKY)

    assert updated.reports[LUCKY]["active_version"] == "1.20.26"
    assert updated.reports[LUCKY]["schema_version"] == 6
    assert (version, ("lettre.txt", "127.0.0.1") in uploads) == (6, True)
    assert ask(f"{address(LUCKY)}/exchange/lettre.txt", headers=OFFICER) == LETTER
    assert shows(get(address(LUCKY)), HOSTILE_FR)


def test_an_update_that_would_forget_the_history_returns_to_the_old_release_with_it(updated, host, address):
    reason = updated.failures[UNLUCKY][-1]
    version, uploads = index(host, UNLUCKY)

    assert (updated.status, list(updated.failures)) == ("failed", [UNLUCKY])
    assert reason.startswith("The update to 1.20.26 failed, and the instance is back on 1.9.31 with its data.")
    assert "The index of uploads forgot 1 of 1 documents." in reason
    assert (updated.reports[UNLUCKY]["health"], updated.reports[UNLUCKY]["active_version"]) == ("healthy", "1.9.31")
    assert (version, uploads) == (5, [("lettre.txt", "127.0.0.1")])
    assert ask(f"{address(UNLUCKY)}/exchange/lettre.txt", headers=OFFICER) == LETTER


def test_a_check_changes_nothing_and_tells_what_was_altered_by_hand(act, updated, host, address):
    page = host.host_root / "instances" / LUCKY / "pages/fr.html"
    page.write_text("Fermé")

    run = act("check", "files", "1.20.26", 3, {LUCKY: {}, UNLUCKY: {"release": {"version": "1.9.31"}}})

    assert run.status == "successful", run.said
    assert run.reports[LUCKY] == {
        "health": "healthy",
        "active_version": "1.20.26",
        "cause": "",
        "url": address(LUCKY),
        "drift": ["file pages/fr.html: content differs"],
        "last_used": "",  # no proxy here
    }
    assert (run.reports[UNLUCKY]["active_version"], run.reports[UNLUCKY]["drift"]) == ("1.9.31", [])
    assert page.read_text() == "Fermé"


def test_a_reconfiguration_closes_the_public_box_and_keeps_the_documents(act, updated, address):
    release = {"release": {"version": "1.20.26", "previous_version": "1.20.26"}}
    closed = PARAMETERS["files"] | {"public_deposit": False, "main_language": "fr", "welcome": "<b>{{ 7*7 }}</b>"}

    run = act("reconfigure", "files", "1.20.26", 4, {LUCKY: release | {"parameters": closed}})
    again = act("reconfigure", "files", "1.20.26", 5, {LUCKY: release | {"parameters": closed}})

    assert run.status == "successful", run.said
    page = get(address(LUCKY))
    assert '<html lang="fr" dir="ltr">' in page
    assert "&lt;b&gt;{{ 7*7 }}&lt;/b&gt;" in page
    with pytest.raises(urllib.error.HTTPError, match=r"403|404"):
        drop(address(LUCKY), "trop-tard.txt", LETTER)
    assert "lettre.txt" in listed(address(LUCKY), "exchange")
    assert (again.status, again.changed) == ("successful", {})
