"""Fills an empty database, or brings an older one to the schema of this release."""

from __future__ import annotations

import ast
import json
import sys
from contextlib import closing, contextmanager
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


def migrate(tracker: Any, before: int) -> None:
    if before != CURRENT:
        with connected(tracker.config) as cursor:
            cursor.execute(FORGET_KEYS)
    tracker.open("admin").close()  # opening migrates


def main() -> None:
    secrets = json.load(sys.stdin)
    tracker = instance.open("tracker")
    before = schema_version(tracker.config)
    if before is None:
        tracker.init(Password(secrets["admin_password"], config=tracker.config))
    else:
        migrate(tracker, before)
    after = schema_version(tracker.config)
    print(json.dumps({"changed": before != after, "report": {"schema_version": after}}))  # noqa: T201 - the module reads the last line


main()
