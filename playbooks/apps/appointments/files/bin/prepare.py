"""Gives the officers their login and their calendar, and lets no release take over calendars that it cannot read."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import radicale
from passlib.hash import sha512_crypt
from radicale import config, storage

OFFICER = "admin"
USERS = Path("secrets/users")
CALENDAR = f"/{OFFICER}/appointments/"
READ_BY = Path("calendars/.read-by")  # the release that read all calendars last
# A generated password has 256 bits; more rounds would make each request slow and no guess better.
ROUNDS = 5000


def let_in(password: str) -> bool:
    """Whether the officers' login had to be written."""
    name, _, known = USERS.read_text(encoding="utf-8").strip().partition(":") if USERS.exists() else ("", "", "")
    if name == OFFICER and sha512_crypt.verify(password, known):
        return False
    aside = USERS.with_suffix(".new")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(f"{OFFICER}:{sha512_crypt.using(rounds=ROUNDS).hash(password)}\n")
    aside.replace(USERS)
    return True


def read(configuration: Any) -> bool:
    """Whether this release had to read all calendars; ends with an error if one is damaged."""
    if READ_BY.exists() and READ_BY.read_text(encoding="utf-8") == radicale.VERSION:
        return False
    strict = configuration.copy()
    strict.update({"storage": {"skip_broken_item": "False"}}, "prepare.py")
    calendars = storage.load(strict)
    with calendars.acquire_lock("r"):
        if not calendars.verify():
            sys.exit(f"Radicale {radicale.VERSION} cannot read all the calendars.")
    READ_BY.write_text(radicale.VERSION, encoding="utf-8")
    return True


def called() -> dict[str, str]:
    """What programs of calendars show: the names on one line."""
    names = json.loads(Path("landing/about.json").read_text(encoding="utf-8"))["administration"]
    title = " · ".join(" ".join(text.split()) for text in (names["ar"], names["fr"]) if text)
    return {"tag": "VCALENDAR", "C:supported-calendar-component-set": "VEVENT", "D:displayname": title}


def keep_calendar(calendars: Any) -> bool:
    """Whether the calendar had to be made or called otherwise."""
    with calendars.acquire_lock("w", OFFICER):
        there = next(iter(calendars.discover(CALENDAR)), None)
        if there is None:
            calendars.create_collection(CALENDAR, props=called())
            return True
        if (wanted := {**there.get_meta(), **called()}) == there.get_meta():
            return False
        there.set_meta(wanted)
        return True


def main() -> None:
    os.umask(0o027)
    secrets = json.load(sys.stdin)
    configuration = config.load([("radicale.conf", False)])
    done = [let_in(secrets["admin_password"]), read(configuration), keep_calendar(storage.load(configuration))]
    print(json.dumps({"changed": any(done), "report": {"calendar": CALENDAR}}))  # noqa: T201 - the module reads the last line


main()
