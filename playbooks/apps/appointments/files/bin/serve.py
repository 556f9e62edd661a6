"""Radicale as a WSGI application, with a first page of our own: what is still free, and how to make an appointment."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import radicale
import slots
from jinja2 import Environment, FileSystemLoader
from radicale import config, storage
from radicale.app import Application
from radicale.item.filter import time_range_fill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HOME = Path(__file__).resolve().parent.parent
CALENDAR = "/admin/appointments/"
KEPT = HOME / "calendars/collection-root/admin/appointments"
MINUTE = 60
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-cache"),
]

configuration = config.load([(str(HOME / "radicale.conf"), False)])
calendars = Application(configuration)
kept = storage.load(configuration)
about = json.loads((HOME / "landing/about.json").read_text(encoding="utf-8"))
hours = slots.of(about["parameters"])
frames = Environment(
    loader=FileSystemLoader([HOME / "landing", HOME / "pages"]), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


def busy(now: datetime) -> slots.Busy:
    """When something stands in the calendar, repetitions counted, as far as the page looks ahead."""
    days = hours.working_days(now)
    until = datetime.combine(days[-1], hours.closes, slots.HERE) + timedelta(days=1)
    window = ET.Element("time-range", start=f"{now - timedelta(days=1):%Y%m%dT%H%M%SZ}", end=f"{until:%Y%m%dT%H%M%SZ}")
    with kept.acquire_lock("r"):
        items = [item for calendar in kept.discover(CALENDAR) for item in calendar.get_all()]
        return [taken for item in items for taken in time_range_fill(item.vobject_item, window, "VEVENT", n=0)]


@lru_cache(maxsize=1)
def page(minute: int, _changed: int) -> bytes:
    """The first page; made anew each minute and whenever the calendar has changed."""
    now = datetime.fromtimestamp(minute * MINUTE, UTC)
    free = hours.free(now, busy(now))
    return frames.get_template("frame.html").render(about, generator=f"Radicale {radicale.VERSION}", free=free).encode()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] != "/" or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return calendars(environ, start_response)
    body = page(int(datetime.now(UTC).timestamp()) // MINUTE, KEPT.stat().st_mtime_ns)
    start_response("200 OK", [*HEADERS, ("Content-Length", str(len(body)))])
    return [body] if environ["REQUEST_METHOD"] == "GET" else []
