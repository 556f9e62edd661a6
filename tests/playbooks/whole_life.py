"""The whole life of an instance: every action, twice, with data that is read back by HTTP in between.

A file test_life_of_<app> leads it on this machine; the other apps lead theirs on real machines, in tests/estate.
"""

import shutil
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from provisioner.embedded.layout import Layout

from .inventory import HOSTILE_AR, HOSTILE_FR, SECRETS, backup, backups
from .officer import Officer
from .reading import OFFICER, ask, comment, comments, get, rest, shows
from .runs import COPIED, Run


@dataclass(frozen=True)
class Kind:
    """How data gets into an instance of an app and out of it again."""

    app: str
    old: str
    new: str
    write: Callable[[str, Path, str], None]
    texts: Callable[[str], str]


def file_complaint(address: str, _home: Path, text: str) -> None:
    rest(address, "issue", {"title": text, "description": text, "service": "roads"})


def complaints(address: str) -> str:
    found = rest(address, "issue?@fields=title")["collection"]
    return " ".join(each["title"] for each in found)


def publish(_address: str, home: Path, text: str) -> None:
    """Portals have no door for writing: their officers replace the file."""
    with closing(sqlite3.connect(home / "portal/portal.db")) as portal, portal:
        portal.execute("CREATE TABLE IF NOT EXISTS markets (name TEXT)")
        portal.execute("INSERT INTO markets VALUES (?)", (text,))


def published(address: str) -> str:
    return get(f"{address}/portal/markets.json?_shape=array")


def enter_letter(address: str, _home: Path, text: str) -> None:
    Officer.signed_in(address).enter("incoming", {"subject": text, "correspondent": "x", "dated": "2026-01-05"})


def letters(address: str) -> str:
    return " ".join(each["subject"] for each in rest(address, "mail?@fields=subject")["collection"])


def exchange(address: str, _home: Path, text: str) -> None:
    name = quote(f"{text}.txt")
    ask(f"{address}/exchange/{name}", "PUT", text.encode(), {"PW": SECRETS["admin_password"]})


def exchanged(address: str) -> str:
    return unquote(ask(f"{address}/exchange/?ls", headers={"PW": SECRETS["admin_password"]}))


def appoint(address: str, _home: Path, text: str) -> None:
    uid = text.replace(" ", "-")
    times = ("DTSTAMP:20260105T090000Z", "DTSTART:20260105T090000Z")
    event = ("BEGIN:VEVENT", f"UID:{uid}", *times, f"SUMMARY:{text}", "END:VEVENT")
    body = "\r\n".join(("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test", *event, "END:VCALENDAR", ""))
    ask(f"{address}/admin/appointments/{uid}.ics", "PUT", body.encode(), OFFICER | {"Content-Type": "text/calendar"})


def appointments(address: str) -> str:
    return ask(f"{address}/admin/appointments/", headers=OFFICER)


def say(address: str, _home: Path, text: str) -> None:
    comment(address, text)


def said(address: str) -> str:
    return " ".join(each["text"] for each in comments(address))


def write(address: str, _home: Path, text: str) -> None:
    urllib.request.urlopen(address, data=urllib.parse.urlencode({"text": text}).encode(), timeout=10).close()


def written(address: str) -> str:
    return get(f"{address}/messages.json")


KINDS = (
    Kind("files", "1.9.31", "1.20.26", exchange, exchanged),
    Kind("appointments", "3.5.0", "3.9.0", appoint, appointments),
    Kind("mail-registry", "2.2.0", "2.6.0", enter_letter, letters),
    Kind("complaints", "2.2.0", "2.6.0", file_complaint, complaints),
    Kind("open-data", "0.64.8", "0.65.5", publish, published),
    Kind("consultations", "0.13.0", "0.14.0", say, said),
    Kind(COPIED, "3.0.0", "3.0.2", write, written),
)


@dataclass
class Life:
    """One instance, and what its life needs from action to action."""

    kind: Kind
    short_id: str
    host: Layout
    address: str
    act: Callable[..., Run]
    version: str
    fence: int = 0
    suspended: bool = False
    told: dict[str, Any] = field(default_factory=dict)  # beside what is usual

    @property
    def home(self) -> Path:
        return self.host.host_root / "instances" / self.short_id

    def write(self, text: str) -> None:
        self.kind.write(self.address, self.home, text)

    def has(self, text: str) -> bool:
        return text in self.kind.texts(self.address)

    def does(self, action: str, to: str | None = None, *, again: bool = False, **more: Any) -> Run:
        """`again`: the same job once more, as after a lost worker."""
        self.fence += 1
        job = {"id": f"{action}-{self.fence - again}", "action": action, "fence": self.fence}
        given = {
            "release": {"version": to or self.version, "previous_version": self.version},
            "job": job,
            "suspended": self.suspended,
            **self.told,
            **more,
        }
        return self.act(action, self.kind.app, to or self.version, self.fence, {self.short_id: given})

    def well(self, action: str, to: str | None = None, **more: Any) -> dict[str, Any]:
        """Does it, and gives what was reported."""
        run = self.does(action, to, **more)
        assert run.status == "successful", run.said
        self.version = to or self.version
        return run.reports.get(self.short_id, {})


def notice(address: str) -> str:
    with pytest.raises(urllib.error.HTTPError, match="503") as refusal:
        get(address)
    return refusal.value.read().decode()


SUSPENDED = ("هذه الخدمة موقوفة", "Ce service est suspendu", "This service is suspended")


class WholeLife:
    """The tests; a file for each app lets one worker lead its instance through them, in this order."""

    pytestmark = pytest.mark.journey
    app: str

    def test_a_suspended_instance_shows_a_notice_in_three_languages_until_it_is_resumed(self, life: Life) -> None:
        report = life.well("suspend")
        page = notice(life.address)
        again = life.does("suspend", again=True)
        resumed = life.well("resume")
        resumed_again = life.does("resume", again=True)

        assert (report["health"], report["active_version"]) == ("healthy", "notice")
        assert all(shows(page, text) for text in (HOSTILE_AR, HOSTILE_FR))
        assert all(
            text in page for text in ("هذه الخدمة موقوفة", "Ce service est suspendu", "This service is suspended")
        )
        assert (again.status, again.changed) == ("successful", {})
        assert (resumed["health"], resumed["active_version"]) == ("healthy", life.kind.old)
        assert (resumed_again.status, resumed_again.changed) == ("successful", {})
        assert life.has("before everything")

    def test_what_is_done_to_a_suspended_instance_leaves_it_suspended(self, life: Life) -> None:
        life.well("suspend")
        life.suspended = True
        reports = [life.well("reconfigure"), life.well("check")]
        page = notice(life.address)
        life.suspended = False
        life.well("resume")

        assert [report["active_version"] for report in reports] == ["notice", "notice"]
        assert reports[1]["drift"] == []
        assert "This service is suspended" in page

    def test_a_backup_is_encrypted_and_a_restore_brings_back_what_was_and_its_release(self, life: Life) -> None:
        kept = life.well("back_up")["backup"]
        stored = life.host.host_root / "store" / kept["name"]
        life.write("after the backup")
        life.well("update", life.kind.new)
        both = life.has("before everything"), life.has("after the backup")
        proven = life.well("drill", life.kind.old, backup=backup(kept))
        life.version = life.kind.new
        report = life.well("restore", life.kind.old, backup=backup(kept))

        assert both == (True, True)
        assert stored.read_bytes().startswith(b"age-encryption.org")
        assert b"before everything" not in stored.read_bytes()
        assert proven["proven"] == backup(kept)["id"]
        assert (report["health"], report["active_version"]) == ("healthy", life.kind.old)
        assert (life.has("before everything"), life.has("after the backup")) == (True, False)
        assert not list((life.host.host_root / "copies").iterdir())

    def test_an_instance_whose_folder_is_gone_is_brought_back_by_a_restore(self, life: Life) -> None:
        kept = life.well("back_up")["backup"]
        shutil.rmtree(life.host.host_root / "instances" / life.short_id)

        report = life.well("restore", backup=backup(kept))

        assert (report["health"], report["active_version"]) == ("healthy", life.kind.old)
        assert life.has("before everything")

    def test_a_backup_that_was_altered_is_refused_and_nothing_is_changed(self, life: Life) -> None:
        kept = life.well("back_up")["backup"]
        stored = life.host.host_root / "store" / kept["name"]
        stored.write_bytes(stored.read_bytes()[:-1] + b"x")

        run = life.does("restore", backup=backup(kept))

        assert run.status == "failed"
        assert "is not what was kept" in run.failures[life.short_id][0]
        assert life.has("before everything")

    def test_a_new_backup_takes_the_place_of_those_that_have_grown_too_old(self, life: Life) -> None:
        old = life.well("back_up")["backup"]
        new = life.well("back_up", backups=backups(life.host, expired=[old["name"]]))
        there = [path.name for path in (life.host.host_root / "store" / life.short_id).iterdir()]

        assert new["expired"] == [old["name"]]
        assert Path(old["name"]).name not in there
        assert Path(new["backup"]["name"]).name in there

    def test_a_removed_instance_leaves_nothing_but_its_last_backup(self, life: Life) -> None:
        life.well("suspend")
        report = life.well("remove")
        again = life.does("remove", again=True)
        left = [path for path in life.host.host_root.rglob(f"*{life.short_id}*") if "guard" not in path.parts]

        assert report["erased"]["folders"] == [
            str(life.host.host_root / place / life.short_id) for place in ("instances", "notices", "backups")
        ]
        assert left == [life.host.host_root / "store" / life.short_id]
        assert (life.host.host_root / "store" / report["backup"]["name"]).exists()
        assert not list(life.host.supervisor_conf_dir.glob(f"{life.short_id}*"))
        assert (again.status, again.changed) == ("successful", {})
        with pytest.raises(urllib.error.URLError, match="refused"):
            get(life.address)
