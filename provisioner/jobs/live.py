"""The story of a job as Server-Sent Events."""

import time
from collections.abc import Iterator
from threading import BoundedSemaphore
from typing import Any
from uuid import UUID

from flask import get_template_attribute

from provisioner.db import db
from provisioner.jobs import story
from provisioner.jobs.events import LINE, Cursor
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.watch import Look, look, watch

HEARTBEAT = 15.0  # seconds of silence after which a comment tells proxies, and us, that the line still stands
SEATS = 16  # streams that a web process keeps open: half of its threads, so that pages are always answered
AGAIN = 3000  # milliseconds after which a browser that found no seat asks again

_free = BoundedSemaphore(SEATS)


def follow(job_id: UUID, after: Cursor) -> Iterator[str]:
    """Every event after the cursor and every change of state, until nothing works on the job any more.

    Where no seat is free: what there is now, and when to ask again. The browser does that by itself.
    """
    if not _free.acquire(blocking=False):
        yield from _now(job_id, after)
        return
    try:
        yield from _as_it_comes(job_id, after)
    finally:
        _free.release()


def _as_it_comes(job_id: UUID, after: Cursor) -> Iterator[str]:
    shown, spoke = None, time.monotonic()
    for seen in watch(job_id, after, LINE):
        said = _told(seen, shown)
        if not said and time.monotonic() - spoke > HEARTBEAT:
            said = ": still here\n\n"
        if said:
            shown, spoke = seen.state, time.monotonic()
            yield said
    yield _message("end", "")


def _now(job_id: UUID, after: Cursor) -> Iterator[str]:
    seen = look(job_id, after, LINE)
    db.session.remove()
    yield _told(seen, None) + (_message("end", "") if seen.complete else f"retry: {AGAIN}\n\n")


def _told(seen: Look, shown: JobState | None) -> str:
    """What a look found, and the state if it is another than the one shown."""
    said = [_log(event) for event in seen.events]
    return "".join(said if seen.state is shown else [*said, _state(seen.state)])


def _log(event: Any) -> str:
    line = get_template_attribute("jobs/line.html", "line")(event)
    return _message("log", line, str(story.place(event)))


def _state(state: JobState) -> str:
    return _message("state", get_template_attribute("components/states.html", "badge")(state))


def _message(name: str, data: str, place: str = "") -> str:
    """One message of the protocol; `place` is what the browser sends as Last-Event-ID when it has to connect again."""
    fields = [f"event: {name}", *([f"id: {place}"] if place else []), *(f"data: {line}" for line in data.split("\n"))]
    return "\n".join(fields) + "\n\n"
