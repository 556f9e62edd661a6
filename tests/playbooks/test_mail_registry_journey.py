"""The mail registry as officers get it: real playbooks, a real PostgreSQL, real services, used by their own pages."""

import json
import re
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from urllib.parse import quote

import pytest

from .inventory import HOSTILE_AR, HOSTILE_FR, PARAMETERS
from .officer import Attachment, Officer
from .reading import get, in_the_way, rest, schema_version, shows
from .runs import Run

pytestmark = pytest.mark.journey

LUCKY, UNLUCKY = "letters001", "letters002"
LETTER = {"subject": "طلب <b>معلومات</b> 100% {{ 7 * 7 }}", "correspondent": 'Ministère "de l\'Intérieur" & Cie'}
SCAN = Attachment('<i>lettre</i> "1".pdf', b"%PDF-1.4 \x00\xff\r\n--end", "application/pdf")
TO_NEW = {"release": {"version": "2.6.0", "previous_version": "2.2.0"}}


@pytest.fixture(scope="module")
def registry(act) -> Run:
    run = act("provision", "mail-registry", "2.2.0", 1, {LUCKY: {}, UNLUCKY: {}})
    assert run.status == "successful", run.said
    return run


@pytest.fixture(scope="module")
def officers(registry, address) -> dict[str, Officer]:
    """One of each instance."""
    return {name: Officer.signed_in(address(name)) for name in (LUCKY, UNLUCKY)}


@pytest.fixture(scope="module")
def letters(officers) -> dict[str, str]:
    """The page of the first letter of each instance, as it was after it was entered."""
    letter = LETTER | {"dated": "2026-01-05"}
    return {name: officer.enter("incoming", letter, SCAN) for name, officer in officers.items()}


@pytest.fixture(scope="module")
def updated(act, letters, host) -> Run:
    """One update of two instances with a letter each; something in the way of the migration waits in one of them."""
    in_the_way(host, UNLUCKY)
    return act("update", "mail-registry", "2.6.0", 2, {LUCKY: TO_NEW, UNLUCKY: TO_NEW})


def fields(address: str, path: str) -> dict:
    return rest(address, path)["attributes"]


def references(address: str, direction: str) -> list[str]:
    found = rest(address, f"mail?@fields=reference,number&direction={direction}&@sort=number")["collection"]
    return [mail["reference"].split("-", 2)[2] for mail in found]


def test_a_registry_shows_its_administration_and_the_second_run_changes_nothing(act, registry, address):
    page = get(address(LUCKY))
    again = act("provision", "mail-registry", "2.2.0", 1, {LUCKY: {}, UNLUCKY: {}})

    assert shows(page, HOSTILE_AR)
    assert shows(page, HOSTILE_FR)
    assert {LUCKY, UNLUCKY} <= set(registry.changed)
    assert (again.status, again.changed) == ("successful", {})
    assert registry.reports[LUCKY]["schema_version"] == 7


def test_a_letter_gets_the_next_number_of_its_direction_and_is_due_within_the_days_of_the_settings(letters, address):
    kept = fields(address(LUCKY), "mail/1")

    assert unescape(letters[LUCKY]).count(LETTER["subject"]) == 1
    assert "<b>معلومات" not in letters[LUCKY]
    assert {name: kept[name] for name in LETTER} == LETTER
    assert (kept["number"], kept["reference"]) == (1, f"A-{kept['entered'][:4]}-00001")
    assert kept["dated"] == "2026-01-05.00:00:00"
    assert kept["due"] > kept["entered"]


def test_an_attachment_comes_back_as_it_was_and_its_name_is_only_a_name(officers, letters, address):
    officer = officers[LUCKY]
    officer.enter("incoming", LETTER, Attachment("page.html", b"<script>alert(1)</script>", "text/html"))

    assert officer.get("file1/x.pdf") == ("application/pdf", SCAN.content)
    assert officer.get("file2/page.html") == ("application/octet-stream", b"<script>alert(1)</script>")
    assert "<i>lettre" not in letters[LUCKY]
    assert f"file1/{quote('<i>lettre</i> %221%22.pdf')}" in letters[LUCKY]


def test_many_at_once_get_numbers_without_gap_or_double_though_some_are_refused(letters, address):
    def enter(turn: int) -> bool:
        letter = LETTER | {"direction": "outgoing", "correspondent": "" if turn % 4 == 0 else "X"}
        try:
            return bool(rest(address(LUCKY), "mail", letter)["id"])
        except urllib.error.HTTPError:
            return False

    with ThreadPoolExecutor(8) as pool:
        accepted = sum(pool.map(enter, range(24)))

    assert accepted == 18
    assert references(address(LUCKY), "outgoing") == [f"{number:05d}" for number in range(1, 19)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"number": 7}, "le numéro"),
        ({"subject": " "}, "l’objet"),
        ({"dated": "2199-01-01"}, "postérieure"),
    ],
)
def test_what_would_spoil_the_registry_is_refused_and_takes_no_number(letters, address, change, says):
    before = references(address(UNLUCKY), "incoming")

    with pytest.raises(urllib.error.HTTPError) as refusal:
        rest(address(UNLUCKY), "mail", LETTER | {"direction": "incoming"} | change)

    assert says in json.load(refusal.value)["error"]["msg"]
    assert references(address(UNLUCKY), "incoming") == before


def test_a_refused_letter_is_explained_on_its_page_and_what_was_typed_is_kept(officers, letters, address):
    page = officers[UNLUCKY].enter("outgoing", LETTER | {"dated": "2199-01-01"})

    assert '<p class="bad">تاريخ المراسلة' in page
    assert LETTER["subject"] in unescape(page)
    assert references(address(UNLUCKY), "outgoing") == []


def test_a_reply_marks_the_letter_as_answered(officers, letters, address):
    officers[LUCKY].enter("outgoing", LETTER | {"answers": "1"})

    status = fields(address(LUCKY), "mail/1")["status"]["id"]

    assert fields(address(LUCKY), f"status/{status}")["name"] == "answered"


def test_a_search_finds_what_fits_and_nothing_else(officers, letters, address):
    officer = officers[LUCKY]
    officer.enter("incoming", {"subject": "ميزانية", "correspondent": "Trésorerie"})

    found = officer.page(f"mail?@action=search&subject={quote('ميزان')}&direction=incoming&reference=")

    assert "Trésorerie" in found
    assert LETTER["correspondent"] not in unescape(found)


def test_nobody_reads_or_enters_mail_without_a_password(letters, address):
    pages = [
        get(f"{address(LUCKY)}/{path}")
        for path in ("", "mail1", "mail", "mail?@template=search", "mail?@template=item")
    ]

    assert not [page for page in pages if LETTER["correspondent"] in unescape(page) or 'name="subject"' in page]
    for path in ("rest/data/mail", "rest/data/mail/1", "file1/x.pdf"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            get(f"{address(LUCKY)}/{path}")


def test_a_reader_whom_the_administrator_added_reads_and_changes_nothing(officers, letters, address):
    person = {"username": "leila", "realname": "<b>ليلى</b>", "roles": "Reader"}
    password = {"password": "a long sentence", "@confirm@password": "a long sentence"}

    officers[LUCKY].submit("user?@template=item", person | password | {"@action": "new", "@required": "password"})
    reader = Officer.signed_in(address(LUCKY), "leila", password["password"])
    with pytest.raises(urllib.error.HTTPError, match="403"):
        reader.submit("mail1", {"@action": "edit", "subject": "Changed"}, proof="?@template=login")

    assert "&lt;b&gt;ليلى" in officers[LUCKY].page("user?@sort=username")
    assert LETTER["correspondent"] in unescape(reader.page("mail1"))
    assert fields(address(LUCKY), "mail/1")["subject"] == LETTER["subject"]
    assert 'name="subject"' not in reader.page("mail?@template=item&direction=incoming")
    assert "Enregistrer" not in reader.page("mail1")
    assert "ليلى" not in reader.page("user?@sort=username")


def test_who_lost_access_cannot_sign_in_any_more(officers, letters, address):
    person = {"username": "omar", "password": "a long sentence", "@confirm@password": "a long sentence"}
    added = officers[LUCKY].submit("user?@template=item", person | {"@action": "new", "roles": "User"})
    number = re.search(r'action="user(\d+)"', added).group(1)

    officers[LUCKY].submit(f"user{number}", {"@action": "retire"})

    assert "logout" not in Officer.signed_in(address(LUCKY), "omar", person["password"]).page("")
    assert "logout" in officers[LUCKY].page("")


def test_a_letter_and_its_attachment_survive_the_migration_of_the_schema(updated, officers, host, address):
    officer = officers[LUCKY]
    numbered = len(references(address(LUCKY), "incoming"))
    officer.enter("incoming", LETTER)

    assert updated.reports[LUCKY]["active_version"] == "2.6.0"
    assert (updated.reports[LUCKY]["schema_version"], schema_version(host, LUCKY)) == (8, 8)
    assert fields(address(LUCKY), "mail/1")["subject"] == LETTER["subject"]
    assert officer.get("file1/x.pdf")[1] == SCAN.content
    assert references(address(LUCKY), "incoming")[-1] == f"{numbered + 1:05d}"


def test_an_update_that_fails_returns_to_the_old_release_with_mail_and_attachments(updated, officers, host, address):
    assert (updated.status, list(updated.failures)) == ("failed", [UNLUCKY])
    assert updated.failures[UNLUCKY][-1].startswith(
        "The update to 2.6.0 failed, and the instance is back on 2.2.0 with its data."
    )
    assert (updated.reports[UNLUCKY]["health"], updated.reports[UNLUCKY]["active_version"]) == ("healthy", "2.2.0")
    assert schema_version(host, UNLUCKY) == 7
    assert fields(address(UNLUCKY), "mail/1")["subject"] == LETTER["subject"]
    assert officers[UNLUCKY].get("file1/x.pdf")[1] == SCAN.content


def test_a_check_changes_nothing_and_tells_what_was_altered_by_hand(act, updated, host, address):
    detector = host.host_root / "instances" / LUCKY / "tracker/detectors/registry.py"
    detector.write_text("")

    run = act("check", "mail-registry", "2.6.0", 3, {LUCKY: {}, UNLUCKY: {"release": {"version": "2.2.0"}}})

    assert run.status == "successful", run.said
    assert run.reports[LUCKY]["drift"] == ["file tracker/detectors/registry.py: content differs"]
    assert (run.reports[UNLUCKY]["active_version"], run.reports[UNLUCKY]["drift"]) == ("2.2.0", [])
    assert detector.read_text() == ""


def test_other_services_are_offered_after_a_reconfiguration_and_those_that_left_stay_with_their_mail(
    act, updated, officers, address
):
    release = {"release": {"version": "2.6.0", "previous_version": "2.6.0"}}
    number = rest(address(LUCKY), "mail", LETTER | {"direction": "incoming", "service": "Affaires juridiques"})["id"]
    other = PARAMETERS["mail-registry"] | {"services": "الأرشيف | Archives", "main_language": "fr"}

    run = act("reconfigure", "mail-registry", "2.6.0", 4, {LUCKY: release | {"parameters": other}})
    again = act("reconfigure", "mail-registry", "2.6.0", 5, {LUCKY: release | {"parameters": other}})

    assert run.status == "successful", run.said
    assert (again.status, again.changed) == ("successful", {})
    assert '<html lang="fr" dir="ltr">' in get(address(LUCKY))
    assert "Archives · الأرشيف" in officers[LUCKY].page("mail?@template=item&direction=incoming")
    assert "Affaires juridiques" not in officers[LUCKY].page("mail?@template=item&direction=incoming")
    assert "Affaires juridiques" in officers[LUCKY].page(f"mail{number}")
