"""Appointments as people get them: real playbooks and real services, events written and read over CalDAV."""

import base64
import re
import urllib.error
from datetime import datetime, timedelta
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest

from .inventory import HOSTILE_AR, HOSTILE_FR, PARAMETERS, SECRETS
from .reading import OFFICER, ask, get, shows
from .runs import Run

pytestmark = pytest.mark.journey

LUCKY, UNLUCKY = "visits0001", "visits0002"
CALENDAR = "admin/appointments"
HERE = ZoneInfo("Africa/Casablanca")
HOSTILE_TITLE = "<script>alert(1)</script> {{ 7*7 }} $(id) موعد"
EVENTS = (
    '<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
    "<D:prop><C:calendar-data/></D:prop>"
    '<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"/></C:comp-filter></C:filter>'
    "</C:calendar-query>"
)
NAME = '<D:propfind xmlns:D="DAV:"><D:prop><D:displayname/></D:prop></D:propfind>'


def working_day() -> datetime:
    """The beginning of the next working day: nothing of it is over."""
    day = datetime.now(HERE).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return day + timedelta(days=(7 - day.weekday()) if day.weekday() > 4 else 0)


def event(uid: str, begin: datetime, *more: str) -> str:
    times = {"DTSTAMP": begin, "DTSTART": begin, "DTEND": begin + timedelta(minutes=30)}
    lines = [f"{name}:{at.astimezone(ZoneInfo('UTC')):%Y%m%dT%H%M%SZ}" for name, at in times.items()]
    body = ["BEGIN:VEVENT", f"UID:{uid}", f"SUMMARY:{HOSTILE_TITLE}", *lines, *more, "END:VEVENT"]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test", *body, "END:VCALENDAR", ""])


def enter(address: str, uid: str, begin: datetime, *more: str) -> None:
    headers = OFFICER | {"Content-Type": "text/calendar"}
    ask(f"{address}/{CALENDAR}/{uid}.ics", "PUT", event(uid, begin, *more).encode(), headers)


def events(address: str) -> list[str]:
    answer = ask(f"{address}/{CALENDAR}/", "REPORT", EVENTS.encode(), OFFICER | {"Depth": "1"})
    return sorted(re.findall(r"UID:(\S+)", answer))


def free(page: str, day: datetime) -> list[str]:
    """The times that the first page, in each of its languages the same, shows for this day."""
    return sorted(set(re.findall(f'<time datetime="{day:%Y-%m-%d}T([0-9:]+)">', page)))


@pytest.fixture(scope="module")
def services(act) -> Run:
    run = act("provision", "appointments", "3.5.0", 1, {LUCKY: {}, UNLUCKY: {}})
    assert run.status == "successful", run.said
    return run


@pytest.fixture(scope="module")
def updated(act, services, host, address) -> Run:
    """One update of two calendars with an event each; one of them was damaged on the disk."""
    for name in (LUCKY, UNLUCKY):
        enter(address(name), "kept", working_day() + timedelta(hours=15))
    folder = host.host_root / "instances" / UNLUCKY / "calendars/collection-root" / CALENDAR
    (folder / "damaged.ics").write_text("BEGIN:VCALENDAR\r\nhalf of a fi")
    release = {"release": {"version": "3.9.0", "previous_version": "3.5.0"}}
    return act("update", "appointments", "3.9.0", 2, {LUCKY: release, UNLUCKY: release})


def test_appointments_show_their_administration_and_the_second_run_changes_nothing(act, services, address):
    page = get(address(LUCKY))
    again = act("provision", "appointments", "3.5.0", 1, {LUCKY: {}, UNLUCKY: {}})

    assert shows(page, HOSTILE_AR)
    assert shows(page, HOSTILE_FR)
    assert '<html lang="ar" dir="rtl">' in page
    assert {LUCKY, UNLUCKY} <= set(services.changed)
    assert (again.status, again.changed) == ("successful", {})
    assert again.reports[LUCKY] == {
        "health": "healthy",
        "active_version": "3.5.0",
        "cause": "",
        "url": address(LUCKY),
        "calendar": f"/{CALENDAR}/",
    }


def test_programs_of_calendars_see_the_names_on_one_line(services, address):
    answer = ask(f"{address(LUCKY)}/{CALENDAR}/", "PROPFIND", NAME.encode(), OFFICER | {"Depth": "0"})

    names = f"{HOSTILE_AR} · {' '.join(HOSTILE_FR.split())}"
    assert next(ET.fromstring(answer).iter("{DAV:}displayname")).text == names


def test_an_appointment_takes_its_time_from_the_first_page_and_shows_nothing_else(services, address):
    day = working_day()
    before = free(get(address(LUCKY)), day)

    enter(address(LUCKY), "taken", day + timedelta(hours=9, minutes=15))
    page = get(address(LUCKY))

    assert before[:3] + before[-1:] == ["08:30", "09:00", "09:30", "16:00"]
    assert set(before) - set(free(page, day)) == {"09:00", "09:30"}
    assert "7*7" not in page
    assert HOSTILE_TITLE in ask(f"{address(LUCKY)}/{CALENDAR}/taken.ics", headers=OFFICER)


def test_what_is_repeated_for_ever_takes_its_time_on_each_day(services, address):
    begin = (working_day() + timedelta(hours=14)).astimezone(ZoneInfo("UTC")) - timedelta(days=70)
    enter(address(LUCKY), "daily", begin, "RRULE:FREQ=DAILY")

    left = free(get(address(LUCKY)), working_day())

    assert {"13:30", "14:00", "14:30"} - set(left) == {"14:00"}


def test_two_calendars_never_see_each_others_appointments(services, address):
    enter(address(LUCKY), "ours", working_day() + timedelta(hours=11))

    assert "ours" in events(address(LUCKY))
    assert "ours" not in events(address(UNLUCKY))


def test_nobody_reads_or_writes_the_calendar_without_the_login(services, address):
    wrong = {"Authorization": "Basic " + base64.b64encode(b"admin:wrong").decode()}
    for headers in ({}, wrong):
        for method, path in (("GET", f"{CALENDAR}/"), ("PUT", f"{CALENDAR}/x.ics"), ("MKCALENDAR", "other/calendar/")):
            body = event("x", working_day()).encode() if method == "PUT" else None
            with pytest.raises(urllib.error.HTTPError, match="401"):
                ask(f"{address(LUCKY)}/{path}", method, body, headers)


def test_the_password_is_in_no_event_and_in_no_file(services, host):
    places = (host.host_root / "instances" / LUCKY, host.supervisor_conf_dir)
    files = [path for place in places for path in place.rglob("*") if path.is_file()]

    assert SECRETS["admin_password"] not in services.everything
    assert not [path for path in files if SECRETS["admin_password"] in path.read_text(errors="replace")]
    assert (host.host_root / "instances" / LUCKY / "secrets/users").stat().st_mode & 0o777 == 0o600


def test_appointments_survive_the_update(updated, address):
    assert updated.reports[LUCKY]["active_version"] == "3.9.0"
    assert updated.reports[LUCKY]["backup"]["version"] == "3.5.0"
    assert "kept" in events(address(LUCKY))
    assert "15:00" not in free(get(address(LUCKY)), working_day())


def test_a_release_that_cannot_read_all_calendars_leaves_them_to_the_old_one(updated, address):
    reason = updated.failures[UNLUCKY][-1]

    assert (updated.status, list(updated.failures)) == ("failed", [UNLUCKY])
    assert reason.startswith("The update to 3.9.0 failed, and the instance is back on 3.5.0 with its data.")
    assert "Radicale 3.9.0 cannot read all the calendars." in reason
    assert (updated.reports[UNLUCKY]["health"], updated.reports[UNLUCKY]["active_version"]) == ("healthy", "3.5.0")
    assert "kept" in events(address(UNLUCKY))


def test_a_check_changes_nothing_and_tells_what_was_altered_by_hand(act, updated, host, address):
    page = host.host_root / "instances" / LUCKY / "pages/ar.html"
    page.write_text("مغلق")

    run = act("check", "appointments", "3.9.0", 3, {LUCKY: {}, UNLUCKY: {"release": {"version": "3.5.0"}}})

    assert run.status == "successful", run.said
    assert run.reports[LUCKY] == {
        "health": "healthy",
        "active_version": "3.9.0",
        "cause": "",
        "url": address(LUCKY),
        "drift": ["file pages/ar.html: content differs"],
        "last_used": "",  # no proxy here
    }
    assert (run.reports[UNLUCKY]["active_version"], run.reports[UNLUCKY]["drift"]) == ("3.5.0", [])
    assert page.read_text() == "مغلق"


def test_a_reconfiguration_changes_hours_names_and_password_and_keeps_the_appointments(act, updated, address):
    release = {"release": {"version": "3.9.0", "previous_version": "3.9.0"}}
    other = release | {
        "parameters": PARAMETERS["appointments"] | {"opens_at": "10:00", "slot_minutes": 60, "main_language": "fr"},
        "administration": {"id": "x", "slug": "x", "name_ar": "إدارة", "name_fr": "Renommée", "name_en": ""},
        "secrets": {"admin_password": "another-one"},
    }

    run = act("reconfigure", "appointments", "3.9.0", 4, {LUCKY: other})
    again = act("reconfigure", "appointments", "3.9.0", 5, {LUCKY: other})

    assert run.status == "successful", run.said
    page = get(address(LUCKY))
    assert '<html lang="fr" dir="ltr">' in page
    assert free(page, working_day())[0] == "10:00"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        events(address(LUCKY))
    now = {"Authorization": "Basic " + base64.b64encode(b"admin:another-one").decode()}
    assert HOSTILE_TITLE in ask(f"{address(LUCKY)}/{CALENDAR}/kept.ics", headers=now)
    assert (again.status, again.changed) == ("successful", {})
