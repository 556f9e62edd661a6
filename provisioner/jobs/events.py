"""The story of a run: stored in batches under the fence, read by cursor."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, tuple_

from provisioner.db import Json, db
from provisioner.jobs.attempts import Claim, Fenced
from provisioner.jobs.models import JobEvent

CAP = 64 * 1024  # characters of one event's output that are kept
UNPRINTABLE = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # terminal sequences
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"  # controls, directions, halves of letters
)


@dataclass(frozen=True)
class Event:
    """One event of a run. `counter` counts from 1 within the attempt, without gaps."""

    counter: int
    kind: str
    stdout: str = ""
    play: str = ""
    role: str = ""
    task: str = ""
    host: str = ""
    changed: bool = False
    result: Json = field(default_factory=dict)


@dataclass(frozen=True, order=True)
class Cursor:
    """A place in a job's story; what Last-Event-ID carries as `attempt-counter`."""

    attempt: int = 0
    counter: int = 0

    def __str__(self) -> str:
        return f"{self.attempt}-{self.counter}"

    @classmethod
    def parse(cls, written: str) -> "Cursor":
        """The start of the story for anything that is not a cursor."""
        match = re.fullmatch(r"(\d{1,9})-(\d{1,9})", written)
        return cls(int(match[1]), int(match[2])) if match else cls()


def printable(said: Any) -> Any:
    """A JSON value whose texts hold no terminal sequences, control or direction characters, and are cut if too long."""
    if isinstance(said, dict):
        return {printable(key): printable(value) for key, value in said.items()}
    if isinstance(said, list):
        return [printable(value) for value in said]
    if not isinstance(said, str):
        return said
    clean = UNPRINTABLE.sub("", said)
    return clean if len(clean) <= CAP else f"{clean[:CAP]}\n[... {len(clean) - CAP} more characters]"


STORE = text("""
    WITH stored AS (
        INSERT INTO job_event (job_id, attempt, counter, kind, play, role, task, host, changed, stdout, result)
        SELECT :job_id, :attempt, e.* FROM jsonb_to_recordset(CAST(:events AS jsonb)) AS e (
            counter int, kind text, play text, role text, task text, host text, changed bool, stdout text, result jsonb)
        ON CONFLICT DO NOTHING
        RETURNING 1
    )
    UPDATE job SET events_stored = events_stored + (SELECT count(*) FROM stored)
    WHERE id = :job_id AND fence = :fence AND state = 'running'
    RETURNING id
""")


def store(held: Claim, events: Sequence[Event]) -> None:
    """Keep these events, once however often they are sent; Fenced if the attempt may not write any more."""
    rows = json.dumps(printable([asdict(event) for event in events]))
    whose = {"job_id": held.job_id, "attempt": held.attempt, "fence": held.fence}
    if db.session.execute(STORE, {**whose, "events": rows}).one_or_none() is None:
        raise Fenced


TOLD = [getattr(JobEvent, name) for name in ("attempt", "at", *(each.name for each in fields(Event)))]


def after(job_id: UUID, cursor: Cursor, limit: int = 500) -> Sequence[Any]:
    """The next events of the job's story, oldest first."""
    place = tuple_(JobEvent.attempt, JobEvent.counter)
    return db.session.execute(
        select(*TOLD)
        .where(JobEvent.job_id == job_id, place > tuple_(cursor.attempt, cursor.counter))
        .order_by(JobEvent.attempt, JobEvent.counter)
        .limit(limit)
    ).all()


def count(job_id: UUID) -> int:
    return db.session.scalar(select(func.count()).where(JobEvent.job_id == job_id)) or 0


def latest_task(job_id: UUID) -> str | None:
    """The task that a run is at."""
    return db.session.scalar(
        select(JobEvent.task)
        .where(JobEvent.job_id == job_id, JobEvent.task != "")
        .order_by(JobEvent.attempt.desc(), JobEvent.counter.desc())
        .limit(1)
    )
