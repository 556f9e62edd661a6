"""Fills an empty database or migrates an older one to this release, then has the tracker settle its own data.

The password of `admin` is set anew only if `instead_of` is given: empty, whatever it is now; else where it is that one.
"""

from __future__ import annotations

import ast
import json
import runpy
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
from roundup import instance
from roundup.backends.rdbms_common import Database
from roundup.password import Password

if TYPE_CHECKING:
    from collections.abc import Iterator

CURRENT = Database.current_db_version
FILLED = "SELECT to_regclass('_user') IS NOT NULL"
ADMINISTRATORS = "SELECT count(*) FROM _user WHERE _username = 'admin'"
# The newer release fails at the first login over one-time keys of the older one: their times lack a time zone.
FORGET_KEYS = "DELETE FROM otks"
SIGN_EVERYBODY_OUT = "DELETE FROM sessions"


@contextmanager
def connected(config: Any) -> Iterator[Any]:
    connection = psycopg2.connect(
        dbname=config.RDBMS_NAME,
        host=config.RDBMS_HOST,
        port=config.RDBMS_PORT,
        user=config.RDBMS_USER,
        password=config.RDBMS_PASSWORD,
    )
    with closing(connection), connection, connection.cursor() as cursor:
        yield cursor


def schema_version(config: Any) -> int | None:
    """What the database says of itself; None if it was never filled to the end."""
    with connected(config) as cursor:
        if not (answer(cursor, FILLED) and answer(cursor, ADMINISTRATORS)):
            return None
        return int(ast.literal_eval(answer(cursor, "SELECT schema FROM schema"))["version"])


def answer(cursor: Any, question: str) -> Any:
    cursor.execute(question)
    return cursor.fetchone()[0]


def fill_or_migrate(tracker: Any, before: int | None, secrets: dict[str, str]) -> None:
    if before is None:
        tracker.init(Password(secrets["admin_password"], config=tracker.config))
        return
    if before != CURRENT:
        with connected(tracker.config) as cursor:
            cursor.execute(FORGET_KEYS)
    tracker.open("admin").close()  # opening migrates


def settle(tracker: Any) -> bool:
    """Whether the tracker's settle.py, if it has one, changed anything so that the data follow the settings."""
    script = Path(tracker.tracker_home, "settle.py")
    if not script.exists():
        return False
    with closing(tracker.open("admin")) as db:
        changed = bool(runpy.run_path(str(script))["settle"](db))
        db.commit()
    return changed


def replace_password(tracker: Any, password: str, instead_of: str) -> bool:
    """Whether it was another one."""
    with closing(tracker.open("admin")) as database:
        admin = database.user.lookup("admin")
        present = database.user.get(admin, "password")
        if present == password or (instead_of and present != instead_of):
            return False
        database.user.set(admin, password=Password(password, config=tracker.config))
        database.commit()
    with connected(tracker.config) as cursor:
        cursor.execute(SIGN_EVERYBODY_OUT)
    return True


def main() -> None:
    secrets = json.load(sys.stdin)
    tracker = instance.open("tracker")
    before = schema_version(tracker.config)
    fill_or_migrate(tracker, before, secrets)
    settled = settle(tracker)
    after = schema_version(tracker.config)
    replaced = "instead_of" in secrets and replace_password(tracker, secrets["admin_password"], secrets["instead_of"])
    report = {"changed": settled or replaced or before != after, "report": {"schema_version": after}}
    print(json.dumps(report))  # noqa: T201 - the module reads the last line


main()
