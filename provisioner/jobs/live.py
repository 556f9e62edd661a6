"""The story of a job as Server-Sent Events."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from flask import get_template_attribute

from provisioner.jobs import story
from provisioner.jobs.events import Cursor
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.watch import watch

HEARTBEAT = 15.0  # seconds of silence after which a comment tells proxies, and us, that the line still stands


def follow(job_id: UUID, after: Cursor) -> Iterator[str]:
    """Every event after the cursor and every change of state, until nothing works on the job any more."""
    shown, spoke = None, time.monotonic()
    for seen in watch(job_id, after):
        said = [_log(event) for event in seen.events]
        if seen.state is not shown:
            said.append(_state(seen.state))
        if not said and time.monotonic() - spoke > HEARTBEAT:
            said = [": still here\n\n"]
        if said:
            shown, spoke = seen.state, time.monotonic()
            yield "".join(said)
    yield _message("end", "")


def _log(event: Any) -> str:
    line = get_template_attribute("jobs/line.html", "line")(event)
    return _message("log", line, str(story.place(event)))


def _state(state: JobState) -> str:
    return _message("state", get_template_attribute("components/states.html", "badge")(state))


def _message(name: str, data: str, place: str = "") -> str:
    """One message of the protocol; `place` is what the browser sends as Last-Event-ID when it has to connect again."""
    fields = [f"event: {name}", *([f"id: {place}"] if place else []), *(f"data: {line}" for line in data.split("\n"))]
    return "\n".join(fields) + "\n\n"
