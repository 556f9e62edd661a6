"""Finding words in what the runs said, all of them, the newest first."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from provisioner.db import db
from provisioner.jobs import failures, story
from provisioner.jobs.models import Job, JobEvent
from provisioner.paging import Page, PageRequest, page

AROUND = 160  # characters of a long line that are shown on each side of what was found
# The index splits everything at these; a hyphen before a word, and quotes, are the reader's own language.
BETWEEN = re.compile(r"(?<=\w)-(?=\w)|[/._:=@\\]")


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
    """Events that hold all these words (or as `or`, `-` and quotes say), the newest first."""
    asked = func.websearch_to_tsquery("simple", BETWEEN.sub(" ", words))
    order = [JobEvent.at, JobEvent.job_id, JobEvent.attempt, JobEvent.counter]
    query = select(*order, JobEvent.task, JobEvent.host, JobEvent.stdout, JobEvent.result).where(
        func.job_event_words(JobEvent.stdout, JobEvent.result).op("@@")(asked)
    )
    found = page(query, order, which, {"list": "events", "text": words}, newest_first=True)
    return Page(list(_told(found.rows, words)), found.next, found.total)


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
