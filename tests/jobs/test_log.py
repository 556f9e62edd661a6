"""The log of a run on its page, however long it is: its end first, the rest a link away, and whole as a file."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from provisioner.accounts.policy import Role
from provisioner.administrations.models import Administration
from provisioner.db import db, transaction
from provisioner.embedded import up
from provisioner.jobs import events, live
from provisioner.jobs.attempts import Claim
from provisioner.jobs.events import END, Cursor, Event
from tests import factories
from tests.statements import counted
from tests.visitors import Visitor

FILL = """
    INSERT INTO job_event (
        month, job_id, attempt, counter, kind, play, role, task, module, host, changed, stdout, result)
    SELECT job_event_month(queued_at), id, attempt, n, 'runner_on_ok', 'Provision', 'files', 'Copy', 'copy', 'abc',
        false, 'ok: number ' || n || '.', '{}' FROM job, generate_series(CAST(:first AS int), :last) AS n WHERE id = :id
"""


@pytest.fixture
def claim(administration: Administration) -> Claim:
    factories.asked(administration.id)
    return factories.claimed()


def fill(claim: Claim, first: int, last: int) -> None:
    """Events past the service, for they are many."""
    with transaction() as session:
        session.execute(text(FILL), {"id": claim.job_id, "first": first, "last": last})


def said(claim: Claim, *counters: int) -> None:
    with transaction():
        factories.said(
            claim, [Event(counter, "verbose", f"ok: number {counter}.") for counter in counters], max(counters)
        )


def numbers(page: str) -> list[int]:
    return [int(number) for number in re.findall(r"ok: number (\d+)\.", page)]


def link(page: str, name: str) -> str:
    found = re.search(rf'href="([^"]+)">{name}<', page)
    assert found, f"the page has no link to {name}"
    return found[1]


def test_a_page_costs_the_same_with_twenty_thousand_events(app: Flask, claim: Claim) -> None:
    said(claim, *range(1, 601))
    reader = Visitor(app, Role.VIEWER)
    with counted() as few:
        short = reader.get(f"/jobs/{claim.job_id}").text
    fill(claim, 601, 20_000)
    with counted() as many:
        long = reader.get(f"/jobs/{claim.job_id}").text

    assert len(many) == len(few)
    assert numbers(short) == list(range(101, 601))
    assert numbers(long) == list(range(19_501, 20_001))


def test_a_job_reads_from_the_partition_of_its_month_alone(claim: Claim) -> None:
    said(claim, 1)
    with transaction() as session:
        session.execute(
            text("UPDATE job SET queued_at = '2025-02-03', attempt = attempt WHERE id = :id"), {"id": claim.job_id}
        )
    month = "(SELECT job_event_month(queued_at) FROM job WHERE id = :id)"
    query = f"EXPLAIN (ANALYZE) SELECT * FROM job_event WHERE month = {month}"

    plan = "\n".join(db.session.scalars(text(query), {"id": claim.job_id}))

    read = [line for line in plan.splitlines() if "job_event_2" in line and "never executed" not in line]
    assert [re.search(r"job_event_\d{4}_\d\d", line)[0] for line in read] == ["job_event_2025_02"]  # type: ignore[index]


def test_the_month_of_an_attempt_is_provided_by_the_database(app: Flask, administration: Administration) -> None:
    factories.asked(administration.id)
    with transaction() as session:
        session.execute(text("UPDATE job SET queued_at = '2031-12-31 23:59:59+00'"))

    said(factories.claimed(), 1, 2)

    assert db.session.scalar(text("SELECT count(*) FROM job_event_2031_12")) == 2
    assert "job_event_2032_01" not in factories.row_counts()


def test_earlier_lines_are_a_link_away_until_there_are_none(app: Flask, claim: Claim) -> None:
    said(claim, *range(1, 1203))
    reader = Visitor(app, Role.VIEWER)
    newest = reader.get(f"/jobs/{claim.job_id}").text
    earlier = reader.get(link(newest, "Earlier lines")).text
    earliest = reader.get(link(earlier, "Earlier lines")).text

    assert numbers(earliest) + numbers(earlier) + numbers(newest) == list(range(1, 1203))
    assert "data-stream" in newest
    assert "data-stream" not in earlier
    assert re.search(r'id="log-earlier" hidden', earliest)
    assert numbers(reader.get(link(earliest, "Later lines")).text) == numbers(earlier)


def test_a_place_in_the_log_is_shown_with_what_stands_around_it(app: Flask, claim: Claim) -> None:
    said(claim, *range(1, 2001))

    page = Visitor(app, Role.VIEWER).get(f"/jobs/{claim.job_id}?at=1-1000").text

    assert 'id="1-1000"' in page
    assert numbers(page) == list(range(750, 1500))


def test_the_page_counts_what_is_kept_while_the_run_goes_on(app: Flask, claim: Claim) -> None:
    with transaction():
        factories.said(claim, [Event(1, "verbose"), Event(2, "verbose")], emitted=5)

    assert "2 of 5 events are kept so far" in Visitor(app, Role.VIEWER).get(f"/jobs/{claim.job_id}").text


def test_a_lost_attempt_still_says_how_much_of_it_is_kept(app: Flask, claim: Claim) -> None:
    with transaction():
        factories.said(claim, [Event(1, "verbose")], emitted=3)
    factories.reaped()

    assert "Incomplete: 1 of 3 events are kept" in Visitor(app, Role.VIEWER).get(f"/jobs/{claim.job_id}").text


def test_the_log_of_each_attempt_is_a_link_away(app: Flask, claim: Claim) -> None:
    said(claim, *range(1, 601))
    factories.reaped()
    factories.reaped()
    said(factories.claimed(), *range(1001, 1601))
    reader = Visitor(app, Role.VIEWER)
    page = reader.get(f"/jobs/{claim.job_id}").text

    assert numbers(reader.get(link(page, "1")).text)[0] == 1
    assert numbers(reader.get(link(page, "2")).text)[0] == 1001


def test_a_result_of_thousands_of_texts_is_cut_as_a_whole(claim: Claim) -> None:
    heavy = {"msg": ["سطر طويل " * 20] * 4000, "stderr": "the cause", "rc": 1}
    with transaction():
        factories.said(claim, [Event(1, "runner_on_failed", "x" * 1_000_000, task="Copy", result=heavy)])

    (kept,) = events.after(claim.job_id, Cursor())

    size = db.session.scalar(text("SELECT octet_length(stdout) + octet_length(result::text) FROM job_event"))
    assert size < 300 * 1024
    assert (kept.result["stderr"], kept.result["rc"]) == ("the cause", "1")
    assert "more characters]" in kept.result["msg"]


def test_a_batch_whose_commit_was_not_answered_is_stored_once(claim: Claim) -> None:
    said(claim, 1, 2, 3)

    said(claim, 1, 2, 3)
    said(claim, 3, 4)

    assert [event.counter for event in events.after(claim.job_id, Cursor())] == [1, 2, 3, 4]
    job = factories.job(claim.job_id)
    assert (job.events_stored, job.events_emitted) == (4, 4)


def test_a_line_that_breaks_during_the_copy_is_told_like_any_lost_line(
    claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_the_line(*_: object) -> None:
        db.session.execute(text("SELECT 1"))
        pid = db.session.scalar(text("SELECT pg_backend_pid()"))
        with db.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        original(*_)  # type: ignore[arg-type]

    original = events._copy
    monkeypatch.setattr(events, "_copy", break_the_line)
    with pytest.raises(OperationalError):
        said(claim, 1, 2)
    monkeypatch.undo()

    said(claim, 1, 2)
    assert [event.counter for event in events.after(claim.job_id, Cursor())] == [1, 2]


def test_the_log_before_any_place_ends_right_before_it(claim: Claim) -> None:
    said(claim, *range(1, 11))

    assert [event.counter for event in events.before(claim.job_id, Cursor(1, 6), 3)] == [3, 4, 5]
    assert [event.counter for event in events.before(claim.job_id, END, 2)] == [9, 10]


@pytest.fixture
def no_seat() -> Iterator[None]:
    taken = [live._free.acquire(blocking=False) for _ in range(live.SEATS)]
    assert all(taken)
    yield
    for _ in taken:
        live._free.release()


@pytest.mark.usefixtures("no_seat")
def test_a_reader_without_a_seat_hears_what_there_is_and_when_to_ask_again(app: Flask, claim: Claim) -> None:
    said(claim, 1, 2)
    reader = Visitor(app, Role.VIEWER)

    first = reader.get(f"/jobs/{claim.job_id}/stream").text
    said(claim, 3)
    factories.concluded(claim)
    again = reader.get(f"/jobs/{claim.job_id}/stream", headers={"Last-Event-ID": "1-2"}).text

    assert (numbers(first), numbers(again)) == ([1, 2], [3])
    assert first.endswith("retry: 3000\n\n")
    assert again.endswith("event: end\ndata: \n\n")


def test_a_seat_is_free_again_when_its_reader_leaves(app: Flask, claim: Claim) -> None:
    said(claim, 1)
    with app.test_request_context():
        for _ in range(2 * live.SEATS):
            stream = live.follow(claim.job_id, Cursor())
            next(stream)
            stream.close()  # type: ignore[attr-defined]
        assert "retry" not in next(live.follow(claim.job_id, Cursor()))


def test_half_of_the_threads_of_a_web_process_are_left_to_pages() -> None:
    assert f"--threads={2 * live.SEATS} " in up.WEB
