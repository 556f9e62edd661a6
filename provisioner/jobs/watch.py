"""Reading along while a job runs."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from provisioner.db import db
from provisioner.jobs import events, queries
from provisioner.jobs.events import TOLD, Cursor
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.news import listener

POLL = 0.25  # seconds between looks while the job says nothing
PAUSE = 0.02  # seconds between looks while it talks
BATCH = 500  # events read at a time
AT_WORK = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.QUIESCING})


@dataclass(frozen=True)
class Look:
    """What a job is now, and what it said since the last look."""

    state: JobState
    events: Sequence[Any]
    cursor: Cursor  # where the next look begins

    @property
    def complete(self) -> bool:
        """Nothing works on the job any more, and it has nothing more to say."""
        return self.state not in AT_WORK and len(self.events) < BATCH


def look(job_id: UUID, after: Cursor, what: Sequence[Any] = TOLD) -> Look:
    """The state first: what a job that has ended had to say was stored before it ended."""
    state = queries.detail(job_id).state
    said = events.after(job_id, after, BATCH, what)
    return Look(state, said, Cursor(said[-1].attempt, said[-1].counter) if said else after)


def watch(job_id: UUID, after: Cursor = Cursor(), what: Sequence[Any] = TOLD) -> Iterator[Look]:  # noqa: B008 - frozen
    """Look after look, from the start of the story, until one is complete."""
    with listener.bell(job_id) as bell:
        while True:
            bell.clear()
            seen = look(job_id, after, what)
            db.session.remove()  # between two looks the reader holds no connection
            yield seen
            if seen.complete:
                return
            after = seen.cursor
            if len(seen.events) < BATCH:
                time.sleep(PAUSE)
                bell.wait(POLL)
