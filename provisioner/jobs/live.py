"""The story of a job as Server-Sent Events, read from PostgreSQL while the run writes it."""

import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from flask import get_template_attribute

from provisioner.db import db
from provisioner.jobs import events, queries, story
from provisioner.jobs.events import Cursor
from provisioner.jobs.lifecycle import JobState

POLL = 0.25  # seconds
HEARTBEAT = 15.0  # seconds of silence after which a comment tells proxies, and us, that the line still stands
AT_WORK = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.QUIESCING})


def follow(job_id: UUID, cursor: Cursor) -> Iterator[str]:
    """Every event after the cursor and every change of state, until nothing works on the job any more."""
    shown, spoke = None, time.monotonic()
    while True:
        state, rows = _look(job_id, cursor)
        said = [_log(row) for row in rows] + ([_state(state)] if state is not shown else [])
        if not said and time.monotonic() - spoke > HEARTBEAT:
            said = [": still here\n\n"]
        if said:
            shown, spoke = state, time.monotonic()
            yield "".join(said)
        if rows:
            cursor = story.place(rows[-1])
        if len(rows) < story.BATCH:
            if state not in AT_WORK:
                break
            time.sleep(POLL)
    yield _event("end", "")


def _look(job_id: UUID, cursor: Cursor) -> tuple[JobState, Sequence[Any]]:
    """The state first: what a job that has ended had to say was stored before it ended."""
    try:
        return queries.by_id(job_id).state, events.after(job_id, cursor, story.BATCH)
    finally:
        db.session.remove()  # between two looks the reader holds no connection


def _log(row: Any) -> str:
    written = get_template_attribute("jobs/line.html", "line")(row)
    return _event("log", written, str(story.place(row)))


def _state(state: JobState) -> str:
    return _event("state", get_template_attribute("components/states.html", "badge")(state))


def _event(name: str, data: str, place: str = "") -> str:
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{f'id: {place}\n' if place else ''}{lines}\n"
