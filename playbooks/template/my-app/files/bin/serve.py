"""A book that visitors write in, as a WSGI application: one page, its texts as JSON, the release that serves them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from html import escape
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HOME = Path(__file__).resolve().parent.parent
FACTS = json.loads((HOME / "facts.json").read_text(encoding="utf-8"))
SETTINGS = FACTS["parameters"]
PAGE = Template((HOME / "pages/index.html").read_text(encoding="utf-8"))
HEADERS = [("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")]
LONGEST = 10_000  # bytes of a form

Answer = tuple[str, str, str]  # status, type and text


def messages() -> list[str]:
    with closing(sqlite3.connect(HOME / "data/messages.db")) as store:
        newest = "SELECT text FROM messages ORDER BY id DESC LIMIT ?"
        return [text for (text,) in store.execute(newest, (SETTINGS["messages_shown"],))]


def page(_asked: dict[str, Any]) -> Answer:
    texts = {name: escape(str(value)) for name, value in (FACTS | SETTINGS).items()}
    listed = "".join(f"<li dir='auto'>{escape(text)}</li>" for text in messages())
    return "200 OK", "text/html", PAGE.substitute(texts, messages=listed, closed="" if SETTINGS["open"] else "disabled")


def listed(_asked: dict[str, Any]) -> Answer:
    return "200 OK", "application/json", json.dumps(messages(), ensure_ascii=False)


def release(_asked: dict[str, Any]) -> Answer:
    return "200 OK", "text/plain", version("waitress")


def write(asked: dict[str, Any]) -> Answer:
    if not SETTINGS["open"]:
        return "403 Forbidden", "text/plain", "The book is closed."
    form = asked["wsgi.input"].read(min(int(asked.get("CONTENT_LENGTH") or 0), LONGEST))
    with closing(sqlite3.connect(HOME / "data/messages.db")) as store, store:
        for text in parse_qs(form.decode(errors="replace")).get("text", []):
            store.execute("INSERT INTO messages (written, text) VALUES (datetime('now'), ?)", (text,))
    return "303 See Other", "text/plain", ""


DOORS = {("GET", "/"): page, ("POST", "/"): write, ("GET", "/messages.json"): listed, ("GET", "/version"): release}


def app(asked: dict[str, Any], begin: Callable[..., Any]) -> Iterable[bytes]:
    door = DOORS.get((asked["REQUEST_METHOD"], asked["PATH_INFO"]))
    status, kind, text = door(asked) if door else ("404 Not Found", "text/plain", "There is nothing here.")
    onwards = [("Location", "/")] if status.startswith("303") else []
    begin(status, [("Content-Type", f"{kind}; charset=utf-8"), *HEADERS, *onwards])
    return [text.encode()]
