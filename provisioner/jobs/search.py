"""Finding words in what the runs said, all of them, the newest first."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select, text, tuple_

from provisioner import paging
from provisioner.db import db
from provisioner.jobs import failures, story
from provisioner.jobs.models import Job, JobEvent
from provisioner.paging import Page, PageRequest

NEWEST = 500  # events that are read without an index
AROUND = 160  # characters of a long line that are shown on each side of what was found
# The index splits everything at these; a hyphen before a word, and quotes, are the reader's own language.
BETWEEN = re.compile(r"(?<=\w)-(?=\w)|[/._:=@\\]")

KEY = ("job_id", "attempt", "counter")
WITHIN = [JobEvent.at, JobEvent.job_id, JobEvent.attempt, JobEvent.counter]
ORDER = [JobEvent.month, *WITHIN]
TOLD = [*ORDER, JobEvent.task, JobEvent.host, JobEvent.stdout, JobEvent.result]
MONTHS = text("""
    SELECT to_date(right(relid::regclass::text, 7), 'YYYY_MM') AS month FROM pg_partition_tree('job_event')
    WHERE isleaf ORDER BY month DESC
""")


@dataclass(frozen=True)
class Part:
    text: str
    found: bool


@dataclass(frozen=True)
class Found:
    """An event that says what was looked for."""

    job_id: UUID
    action: str
    instance_id: UUID
    administration_id: UUID
    attempt: int
    counter: int
    at: datetime
    task: str
    host: str
    line: Sequence[Part]

    @property
    def place(self) -> str:
        return f"{self.attempt}-{self.counter}"

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.line)


def find(words: str, which: PageRequest) -> Page:
    """Events that hold all these words (or as `or`, `-` and quotes say), the newest first; by month, then by time.

    What many events say stands among the newest ones, which are just read; what few say is found by the index of words,
    month by month. The planner cannot know which of the two a word is.
    """
    bound_to = {"list": "events", "text": words}
    asked = func.websearch_to_tsquery("simple", BETWEEN.sub(" ", words))
    place = paging.place(ORDER, which, bound_to)
    months = [each for each in db.session.scalars(MONTHS) if not place or each <= place[0].value]
    rows = _among_newest(months[0], asked, place, which) if months else []
    if len(rows) <= which.size:
        rows = _by_index(months, asked, place, which)
    names = [column.key for column in ORDER]
    found = paging.cut(rows, names, which, bound_to, _count(asked) if which.with_total else None)
    return replace(found, rows=list(_told(found.rows, words)))


def _within(month: date, place: list[Any]) -> ColumnElement[bool]:
    """What is left of a month behind this place."""
    if place and place[0].value == month:
        return and_(JobEvent.month == month, tuple_(*WITHIN) < tuple_(*place[1:]))
    return JobEvent.month == month


def _says(event: Any, asked: Any) -> ColumnElement[bool]:
    holds: ColumnElement[bool] = func.job_event_words(event.stdout, event.result).op("@@")(asked)
    return holds


def _among_newest(month: date, asked: Any, place: list[Any], which: PageRequest) -> Sequence[Any]:
    newest_first = [column.desc() for column in WITHIN]
    newest = select(*TOLD).where(_within(month, place)).order_by(*newest_first).limit(NEWEST).subquery()
    order = [newest.c[column.key].desc() for column in WITHIN]
    query = select(newest).where(_says(newest.c, asked)).order_by(*order)
    return db.session.execute(query.limit(paging.enough(which))).all()


def _by_index(months: list[date], asked: Any, place: list[Any], which: PageRequest) -> Sequence[Any]:
    rows: list[Any] = []
    for month in months:
        rows += _of_month(month, asked, place, paging.enough(which, len(rows)))
        if len(rows) > which.size:
            break
    return rows


def _of_month(month: date, asked: Any, place: list[Any], most: ColumnElement[int]) -> Sequence[Any]:
    """Materialized: the planner must find the events first and order them then, not the other way round."""
    within = _within(month, place)
    hits = select(*WITHIN).where(within, _says(JobEvent, asked)).cte().prefix_with("MATERIALIZED")
    first = select(hits).order_by(*(column.desc() for column in hits.c)).limit(most).subquery()
    same = and_(JobEvent.month == month, *(getattr(JobEvent, name) == first.c[name] for name in KEY))
    query = select(*TOLD).join(first, same).order_by(*(column.desc() for column in WITHIN))
    return db.session.execute(query).all()


def _count(asked: Any) -> int:
    return db.session.scalar(select(func.count()).where(_says(JobEvent, asked))) or 0


def _told(rows: Sequence[Any], words: str) -> Iterator[Found]:
    columns = (Job.id, Job.action, Job.instance_id, Job.administration_id)
    ids = {row.job_id for row in rows}
    jobs = {job.id: job for job in db.session.execute(select(*columns).where(Job.id.in_(ids)))}
    looked_for = re.findall(r"\w+", BETWEEN.sub(" ", words).replace("_", " "))
    pattern = re.compile("|".join(sorted(map(re.escape, looked_for), key=len, reverse=True)) or "$^", re.IGNORECASE)
    for row in rows:
        job = jobs[row.job_id]
        yield Found(
            job.id, job.action, job.instance_id, job.administration_id, row.attempt, row.counter, row.at, row.task,
            row.host, list(_marked(_line(row, pattern), pattern)),
        )  # fmt: skip


def _line(row: Any, pattern: re.Pattern[str]) -> str:
    """The line that says most of what was looked for, or the middle of it if it is very long."""
    said = f"{story.line(row)}\n{failures.why(row.result)}"
    best = max(said.split("\n"), key=lambda line: len({found.casefold() for found in pattern.findall(line)}))
    first = pattern.search(best)
    begin = max(0, first.start() - AROUND) if first else 0
    end = begin + 2 * AROUND
    return ("…" if begin else "") + best[begin:end].strip() + ("…" if end < len(best) else "")


def _marked(line: str, pattern: re.Pattern[str]) -> Iterator[Part]:
    rest = 0
    for match in pattern.finditer(line):
        if match.start() > rest:
            yield Part(line[rest : match.start()], found=False)
        yield Part(match[0], found=True)
        rest = match.end()
    if line[rest:]:
        yield Part(line[rest:], found=False)
