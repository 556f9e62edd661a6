"""The log of a run with 1,000,000 events beside one with 200: opening its page, reading it whole, finding words."""

import sys
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

sys.path.append(str(Path(__file__).parents[1]))

import psycopg
from machine import load
from registers import Subject, subject
from sqlalchemy import text

from provisioner.accounts.policy import Role
from provisioner.db import db, transaction
from provisioner.embedded.layout import SUPERUSER
from provisioner.jobs import story
from provisioner.jobs.attempts import Claim
from provisioner.jobs.events import Event
from tests import factories
from tests.factories import Api
from tests.visitors import Visitor

FEW, SOME, MANY = 200, 20_000, 1_000_000
BATCH = 500
ROUNDS = 15
RARE, ONE_IN_100, COMMON = "n777777", "hundredth", "ok"


MORE = """
    INSERT INTO job_event (
        month, job_id, attempt, counter, kind, play, role, task, module, host, changed, stdout, result)
    SELECT month, job_id, attempt, n, kind, play, role, task, module, host, changed,
        replace(regexp_replace(stdout, 'n[0-9]+', 'n' || n), ' hundredth', '')
            || CASE WHEN n % 100 = 0 THEN ' hundredth' ELSE '' END, result
    FROM job_event, generate_series(:first, :last) AS n WHERE job_id = :id AND counter = 1
"""


def event(counter: int) -> Event:
    """As a copy of a file tells of itself; every word that is looked for comes so often as its name says."""
    hundredth = " hundredth" if counter % 100 == 0 else ""
    line = f"ok: [ab3c5e7g9k] => (item=/srv/instances/ab3c5e7g9k/media/n{counter}.conf){hundredth}"
    names = {"play": "Provision", "role": "files", "task": "Copy", "module": "copy", "host": "ab3c5e7g9k"}
    return Event(counter, "runner_item_on_ok", line, **names, result={"msg": "The file is as it should be."})


def said(length: int) -> Claim:
    """A job whose run goes on and has said so much, written as workers write it."""
    factories.asked(factories.administration().id)
    claim = factories.claimed()
    for first in range(1, length + 1, BATCH):
        with transaction():
            factories.said(claim, [event(n) for n in range(first, min(first + BATCH, length + 1))], length)
    return claim


def say_more(claim: Claim) -> None:
    """The rest of a long story, which the database writes by itself."""
    with transaction() as session:
        session.execute(text("SET LOCAL statement_timeout = 0"))
        session.execute(text(MORE), {"id": claim.job_id, "first": SOME + 1, "last": MANY})
        session.execute(
            text("UPDATE job SET events_stored = :n, events_emitted = :n WHERE id = :id"),
            {"n": MANY, "id": claim.job_id},
        )


def timed(act: Callable[[], Any]) -> float:
    """Milliseconds."""
    begin = time.perf_counter()
    act()
    return (time.perf_counter() - begin) * 1000


def opened(reader: Visitor | Api, path: str) -> Callable[[], None]:
    def get() -> None:
        answer = reader.get(path)
        if answer.status_code != HTTPStatus.OK:
            raise SystemExit(f"{path}: {answer.status}")

    return get


def show_pages(reader: Visitor, few: UUID, many: UUID) -> None:
    print(f"{'ms, median':38}{FEW:>12,}{MANY:>12,}{'ratio':>10}")
    for name, query in (("page of the job", ""), ("page in the middle of its log", "?at=1-{middle}")):
        paths = [f"/jobs/{job}{query.format(middle=size // 2)}" for job, size in ((few, FEW), (many, MANY))]
        costs = [[timed(opened(reader, path)) for path in paths] for _ in range(ROUNDS)]
        before, after = (median(column) for column in zip(*costs, strict=True))
        print(f"{name:38}{before:12.1f}{after:12.1f}{after / before:9.2f}x", flush=True)


def show_file(job: UUID) -> None:
    begin = time.perf_counter()
    size = sum(len(piece) for piece in story.text(job))
    seconds = time.perf_counter() - begin
    print(f"whole log as a file: {size / 1e6:.0f} MB in {seconds:.1f} s, {MANY / seconds:,.0f} events/s")


def show_search(api: Api) -> None:
    print(f"{'search, ms':38}{'median':>12}{'slowest':>12}")
    for name, words in (("1 hit", RARE), ("1 in 100", ONE_IN_100), ("every event", COMMON), ("none", "nowhere")):
        costs = [timed(opened(api, f"/jobs/events?text={words}")) for _ in range(ROUNDS)]
        print(f"{name:38}{median(costs):12.1f}{max(costs):12.1f}", flush=True)


def analyse(there: Subject) -> None:
    """As autovacuum would, in its own time."""
    with psycopg.connect(there.layout.database_url(SUPERUSER).replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def main() -> None:
    print(f"The log of a run, wall time of whole requests; {load()}")
    with subject() as there:
        factories.host()
        factories.app()
        few = said(FEW)
        begin = time.perf_counter()
        many = said(SOME)
        print(f"stored in batches of {BATCH}: {SOME / (time.perf_counter() - begin):,.0f} events/s")
        say_more(many)
        analyse(there)
        size = db.session.scalar(text("SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('job_event')"))
        print(f"on disk, indexes included: {float(size) / 1e9:.1f} GB", flush=True)
        show_pages(Visitor(there.app, Role.VIEWER), few.job_id, many.job_id)
        show_file(many.job_id)
        show_search(Api(there.app, Role.VIEWER))


if __name__ == "__main__":
    main()
