"""The story of a run: stored in batches under the fence, read by cursor."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import ColumnElement, and_, func, select, text, tuple_
from sqlalchemy.exc import OperationalError

from provisioner.db import Json, db
from provisioner.jobs import steps
from provisioner.jobs.attempts import Claim, Fenced, running
from provisioner.jobs.models import Job, JobEvent
from provisioner.jobs.news import CHANNEL

CAP = 64 * 1024  # characters of one text that are kept
LARGEST = 2**63  # whole numbers are smaller
MOST = 192 * 1024  # bytes of one result that are kept
NAME = 300  # characters of the name of a play, role, task, module or host
FIELDS = 20  # of a result that is too long to be kept as it is
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
    module: str = ""
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


END = Cursor(2**31 - 1)  # of every story


def printable(said: Any) -> Any:
    """A JSON value whose texts hold no terminal sequences, control or direction characters, and are cut if too long."""
    if isinstance(said, dict):
        return {printable(key): printable(value) for key, value in said.items()}
    if isinstance(said, list):
        return [printable(value) for value in said]
    if isinstance(said, int | float) and not _is_common(said):
        return str(said)
    return _cut(UNPRINTABLE.sub("", said), CAP) if isinstance(said, str) else said


def _is_common(number: float) -> bool:
    """Whether it is one in the JSON of everybody: of the database, and of who has 64 bits for it."""
    return math.isfinite(number) if isinstance(number, float) else -LARGEST <= number < LARGEST


def _cut(said: str, most: int) -> str:
    return said if len(said) <= most else f"{said[:most]}\n[... {len(said) - most} more characters]"


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _bounded(result: Json) -> Json:
    """The result, or if it is too long as a whole the beginning of each of its fields, as text."""
    if len(_written(result).encode()) <= MOST:
        return result
    kept = dict(islice(result.items(), FIELDS))
    room = MOST // 4 // len(kept)  # a character takes up to four bytes
    return {key[:NAME]: _cut(value if isinstance(value, str) else _written(value), room) for key, value in kept.items()}


def _kept(event: Event) -> Event:
    """The event as it is stored."""
    names = {
        name: printable(getattr(event, name))[:NAME] for name in ("kind", "play", "role", "task", "module", "host")
    }
    return replace(event, **names, stdout=printable(event.stdout), result=_bounded(printable(event.result)))


# Who reads along is told of it, once it is committed.
COUNT = text(f"""
    WITH told AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:stored AS integer[]), CAST(:emitted AS integer[]))
            AS told (id, stored, emitted)
    ), counted AS (
        UPDATE job SET events_stored = told.stored, events_emitted = greatest(told.stored, told.emitted)
        FROM told WHERE job.id = told.id
    )
    SELECT pg_notify('{CHANNEL}', told.id::text) FROM told
""")  # noqa: S608 - made of a name of our own
COLUMNS = ("month", "job_id", "attempt", *(each.name for each in fields(Event)))
COPY = f"COPY job_event ({', '.join(COLUMNS)}) FROM STDIN"


@dataclass(frozen=True)
class Told:
    """What one job's part of a run said: events in order and without gaps. `emitted`: how many there are so far, these
    and later ones.
    """

    held: Claim
    events: Sequence[Event]
    emitted: int = 0


def store(told: Sequence[Told]) -> None:
    """Keep these events, once however often they are sent; Fenced if one of the attempts may not write any more.

    Each job's own count says which of them are kept already: a batch is sent again when the answer to its commit was
    lost.
    """
    rows = {row.id: row for row in db.session.execute(_stored([each.held for each in told]))}
    if len(rows) < len(told):
        raise Fenced
    fresh = [(each, _fresh(each, rows[each.held.job_id].stored)) for each in told]
    _copy(
        (rows[each.held.job_id].month, each.held.job_id, each.held.attempt, *_values(event))
        for each, events in fresh
        for event in events
    )
    steps.keep([(each.held, events) for each, events in fresh])
    counts = {
        "ids": [each.held.job_id for each, _ in fresh],
        "stored": [rows[each.held.job_id].stored + len(events) for each, events in fresh],
        "emitted": [each.emitted for each, _ in fresh],
    }
    db.session.execute(COUNT, counts)


def _stored(held: Sequence[Claim]) -> Any:
    month = func.job_event_month(Job.queued_at).label("month")
    return (
        select(Job.id, month, Job.events_stored.label("stored"))
        .where(running(held))
        .order_by(Job.id)
        .with_for_update(key_share=True)
    )


def _fresh(told: Told, stored: int) -> list[Event]:
    return [_kept(event) for event in told.events if event.counter > stored]


def _values(event: Event) -> Iterator[Any]:
    for each in fields(Event):
        value = getattr(event, each.name)
        yield Jsonb(value, _written) if isinstance(value, dict) else value


def _copy(rows: Iterable[Sequence[Any]]) -> None:
    """COPY, which SQLAlchemy does not know, in the transaction of the session; a lost line is told in its words."""
    connection = db.session.connection()
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(COPY) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.OperationalError as lost:
        connection.invalidate(lost)
        raise OperationalError(COPY, None, lost, connection_invalidated=True) from lost


TOLD = [getattr(JobEvent, name) for name in ("attempt", "at", *(each.name for each in fields(Event)))]
SHOWN = 10_000  # characters of one event's output that a page shows
# What a line of the log is made of.
LINE = [
    JobEvent.attempt,
    JobEvent.counter,
    JobEvent.at,
    JobEvent.kind,
    JobEvent.changed,
    func.left(JobEvent.stdout, SHOWN).label("stdout"),
]


def of(job_id: UUID) -> ColumnElement[bool]:
    """The events of one job. Its month is asked first: as a value it spares the planner all other partitions."""
    month = db.session.scalar(select(func.job_event_month(Job.queued_at)).where(Job.id == job_id))
    return and_(JobEvent.month == month, JobEvent.job_id == job_id)


def after(job_id: UUID, cursor: Cursor, limit: int = 500, what: Sequence[Any] = TOLD) -> Sequence[Any]:
    """The next events of the job's story, oldest first."""
    place = tuple_(JobEvent.attempt, JobEvent.counter)
    return db.session.execute(
        select(*what)
        .where(of(job_id), place > tuple_(cursor.attempt, cursor.counter))
        .order_by(JobEvent.attempt, JobEvent.counter)
        .limit(limit)
    ).all()


def before(job_id: UUID, cursor: Cursor, limit: int, what: Sequence[Any] = TOLD) -> Sequence[Any]:
    """The last events of the job's story before this place, oldest first."""
    place = tuple_(JobEvent.attempt, JobEvent.counter)
    newest_first = db.session.execute(
        select(*what)
        .where(of(job_id), place < tuple_(cursor.attempt, cursor.counter))
        .order_by(JobEvent.attempt.desc(), JobEvent.counter.desc())
        .limit(limit)
    ).all()
    return newest_first[::-1]
