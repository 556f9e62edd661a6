"""Makes the comments' database, or brings that of an older release to this one's schema, as Isso does it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

from isso import config
from isso.db import SQLite3

COMMENTS = "data/comments.db"


def schema_version() -> int:
    with closing(sqlite3.connect(COMMENTS)) as comments:
        return int(comments.execute("PRAGMA user_version").fetchone()[0])


def main() -> None:
    before = schema_version()
    if before > SQLite3.MAX_VERSION:
        raise SystemExit(f"The comments are of schema {before}, and this release knows {SQLite3.MAX_VERSION}.")
    SQLite3(COMMENTS, config.load(config.default_file()))  # opening makes and migrates
    after = schema_version()
    print(json.dumps({"changed": before != after, "report": {"schema_version": after}}))  # noqa: T201 - the module reads the last line


main()
