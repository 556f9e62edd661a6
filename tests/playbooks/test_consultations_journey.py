"""Consultations as citizens get them: real playbooks and real services, commented on and read back over HTTP."""

import json
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser

from .inventory import HOSTILE_AR, HOSTILE_FR, PARAMETERS, SECRETS
from .reading import comment, comments, get, shows
from .runs import Run

pytestmark = pytest.mark.journey

OPEN, CLOSED = "debates001", "debates002"
HOSTILE_COMMENT = "{{ lookup('pipe', 'id') }} <script>alert(1)</script> <img src=x onerror=alert(1)> تعليق"
ATTACK = {"author": "<b>ليلى</b>", "website": "http://x.example/'onmouseover='document.title=1"}


def settings(**changes: object) -> dict[str, object]:
    return {"parameters": PARAMETERS["consultations"] | changes}


@pytest.fixture(scope="module")
def consultations(act) -> Run:
    run = act(
        "provision", "consultations", "0.13.0", 1, {OPEN: {}, CLOSED: settings(moderated=True, comments_per_minute=2)}
    )
    assert run.status == "successful", run.said
    return run


def schema_version(host, short_id: str) -> int:
    with closing(sqlite3.connect(host.host_root / "instances" / short_id / "data/comments.db")) as store:
        return store.execute("PRAGMA user_version").fetchone()[0]


def pending(address: str, password: str) -> str:
    """What somebody who signs in with the password sees of the comments that wait."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    opener.open(f"{address}/isso/login/", urlencode({"password": password}).encode(), timeout=10).close()
    with opener.open(f"{address}/isso/admin/?mode=2", timeout=10) as answer:
        return answer.read().decode()


def test_a_consultation_shows_its_administration_and_text_and_the_second_run_changes_nothing(
    act, consultations, address
):
    page = get(address(OPEN))
    again = act(
        "provision", "consultations", "0.13.0", 1, {OPEN: {}, CLOSED: settings(moderated=True, comments_per_minute=2)}
    )

    assert all(shows(page, text) for text in (HOSTILE_AR, HOSTILE_FR))
    assert 'dir="rtl"' in page
    assert "Consultation publique" in page
    assert "استشارة عمومية" in page
    assert (again.status, again.changed) == ("successful", {}), again.said
    assert consultations.reports[OPEN]["schema_version"] == 3


def test_a_hostile_comment_is_text_for_the_browser_of_whoever_reads_it(consultations, address, chromium: Browser):
    comment(address(OPEN), HOSTILE_COMMENT, **ATTACK)
    page = chromium.new_page()
    alerts = []
    page.on("dialog", lambda dialog: alerts.append(dialog.message) or dialog.dismiss())

    page.goto(address(OPEN))
    page.locator(".isso-author").hover()

    assert "{{ lookup('pipe', 'id') }}" in page.locator("#isso-root .isso-text").inner_text()
    assert page.locator(".isso-author").inner_text() == ATTACK["author"]
    assert (alerts, HOSTILE_AR in page.title()) == ([], True)
    assert page.get_by_text("رد · Répondre").count() == 1
    page.close()


@pytest.mark.parametrize("thread", ["/elsewhere", "", "/&uri=/elsewhere"])
def test_only_the_text_of_the_consultation_can_be_commented_on(consultations, address, thread):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        comment(address(OPEN), "elsewhere", thread=thread)


def test_a_moderated_comment_is_seen_by_officers_alone(consultations, address):
    waiting = comment(address(CLOSED), "let me through")

    assert (waiting["mode"], comments(address(CLOSED))) == (2, [])
    assert "let me through" in pending(address(CLOSED), SECRETS["admin_password"])
    assert "let me through" not in pending(address(CLOSED), "guessed")


def test_a_network_that_writes_too_fast_has_to_wait_whatever_address_it_claims(consultations, address):
    comment(address(CLOSED), "the second one in this minute")
    request = urllib.request.Request(
        f"{address(CLOSED)}/isso/new?uri=/",
        data=json.dumps({"text": "the third", "title": "x"}).encode(),
        headers={"Content-Type": "application/json", "X-Forwarded-For": "192.0.2.77"},
    )

    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=10)


def test_comments_of_one_administration_are_not_seen_by_another(consultations, address):
    comment(address(OPEN), "only for this administration")

    assert any("only for this" in each["text"] for each in comments(address(OPEN)))
    assert not any("only for this" in each["text"] for each in comments(address(CLOSED)))


def test_the_password_of_the_moderators_is_in_no_event_no_log_and_readable_by_nobody_else(consultations, host):
    secret, home = SECRETS["admin_password"], host.host_root / "instances" / OPEN
    readable = [path for path in home.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]

    assert secret not in consultations.everything
    assert readable
    assert not [path for path in readable if secret in path.read_text(errors="replace")]
    assert "delete/" not in (home / "logs/service.log").read_text()


def test_a_rotation_gives_the_moderators_another_password_and_leaves_the_comments_alone(act, consultations, address):
    before, given = comments(address(CLOSED)), settings(moderated=True, comments_per_minute=2)
    renewed = {"secrets": {"admin_password": "another-%-password"}, "previous_secrets": SECRETS}

    run = act("rotate", "consultations", "0.13.0", 2, {CLOSED: given | renewed})

    assert run.status == "successful", run.said
    assert "let me through" in pending(address(CLOSED), "another-%-password")
    assert "let me through" not in pending(address(CLOSED), SECRETS["admin_password"])
    assert comments(address(CLOSED)) == before


def test_comments_survive_the_migration_of_the_schema(act, consultations, host, address):
    comment(address(OPEN), "written before the update")
    release = {"release": {"version": "0.14.0", "previous_version": "0.13.0"}}

    run = act("update", "consultations", "0.14.0", 2, {OPEN: release})

    assert run.status == "successful", run.said
    assert (run.reports[OPEN]["active_version"], run.reports[OPEN]["schema_version"]) == ("0.14.0", 5)
    assert schema_version(host, OPEN) == 5
    assert any("written before the update" in each["text"] for each in comments(address(OPEN)))


def test_a_closed_consultation_takes_no_comment_and_shows_those_that_it_has(act, consultations, address):
    release = {"release": {"version": "0.14.0", "previous_version": "0.14.0"}}
    before = comments(address(OPEN))

    run = act("reconfigure", "consultations", "0.14.0", 3, {OPEN: release | settings(open=False)})

    assert run.status == "successful", run.said
    with pytest.raises(urllib.error.HTTPError, match="403"):
        comment(address(OPEN), "too late")
    assert [each["text"] for each in comments(address(OPEN))] == [each["text"] for each in before]
    assert '<body class="closed">' in get(address(OPEN))


def test_a_check_tells_what_was_altered_by_hand(act, consultations, host, address):
    (host.host_root / "instances" / OPEN / "pages/index.html").write_text("altered")

    run = act("check", "consultations", "0.14.0", 4, {OPEN: settings(open=False)})

    assert run.status == "successful", run.said
    assert run.reports[OPEN]["drift"] == ["file pages/index.html: content differs"]
