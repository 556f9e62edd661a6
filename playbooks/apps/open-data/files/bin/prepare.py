"""Creates the portal's database and keeps what it says of the administration right; other tables are left alone."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS administration (
    id INTEGER PRIMARY KEY CHECK (id = 1), name_ar TEXT, name_fr TEXT, name_en TEXT, contact TEXT
);
CREATE TABLE IF NOT EXISTS datasets (
    table_name TEXT PRIMARY KEY, title_ar TEXT, title_fr TEXT, description_ar TEXT, description_fr TEXT, licence TEXT
);
"""

CONTENT = ["SELECT * FROM administration", "SELECT * FROM datasets ORDER BY table_name"]

DATASETS = [
    (
        "administration",
        "الإدارة الناشرة",
        "L’administration qui publie",
        "اسم الإدارة صاحبة هذه البوابة وعنوان التواصل معها.",
        "Le nom de l’administration de ce portail et son adresse de contact.",
    ),
    (
        "datasets",
        "فهرس مجموعات البيانات",
        "Catalogue des jeux de données",
        "قائمة مجموعات البيانات المنشورة في هذه البوابة.",
        "La liste des jeux de données que ce portail publie.",
    ),
]


def describe(portal: sqlite3.Connection, metadata: dict[str, Any]) -> None:
    names = metadata["administration"]
    administration = (1, names["name_ar"], names["name_fr"], names["name_en"], metadata["about"])
    portal.execute("INSERT OR REPLACE INTO administration VALUES (?, ?, ?, ?, ?)", administration)
    rows = [(*dataset, metadata["license"]) for dataset in DATASETS]
    portal.executemany("INSERT OR REPLACE INTO datasets VALUES (?, ?, ?, ?, ?, ?)", rows)


def content(portal: sqlite3.Connection) -> list[Any]:
    return [portal.execute(question).fetchall() for question in CONTENT]


def main() -> None:
    metadata = json.loads(Path("portal/metadata.json").read_text(encoding="utf-8"))
    with closing(sqlite3.connect("portal/portal.db")) as portal, portal:
        portal.executescript(TABLES)
        before = content(portal)
        describe(portal, metadata)
        print(json.dumps({"changed": content(portal) != before}))  # noqa: T201 - the module reads the last line


main()
