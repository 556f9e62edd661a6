"""Jobs as people see them: the queue, one job, and its log while it is written."""

import re
import time
from uuid import uuid4

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.administrations.models import Administration
from provisioner.db import db, transaction
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs import events
from provisioner.jobs.attempts import Claim
from provisioner.jobs.events import Cursor, Event
from provisioner.jobs.lifecycle import End, JobState
from provisioner.jobs.models import Job
from tests import factories
from tests.statements import counted
from tests.threads import in_threads
from tests.visitors import Visitor

HOSTILE = "<script>alert(1)</script>"


def told(counter: int, **more: object) -> Event:
    facts: dict[str, object] = {
        "kind": "runner_on_ok",
        "stdout": f"ok: number {counter}",
        "role": "files",
        "task": "copy",
    }
    return Event(counter, **facts | more)  # type: ignore[arg-type]


def store(claim: Claim, *said: Event) -> None:
    with transaction():
        factories.said(claim, said)


def places(stream: str) -> list[str]:
    return re.findall(r"^id: (.*)$", stream, re.MULTILINE)


@pytest.fixture
def job(administration: Administration) -> Job:
    return factories.asked(administration.id)


@pytest.mark.parametrize(("language", "direction"), [("ar", "rtl"), ("fr", "ltr"), ("en", "ltr")])
def test_the_pages_speak_the_language_of_the_reader(app: Flask, job: Job, language: str, direction: str) -> None:
    visitor = Visitor(app, Role.VIEWER, language=language)
    for address in ("/jobs", f"/jobs/{job.id}"):
        page = visitor.get(address)

        assert page.status_code == 200
        assert f'<html lang="{language}" dir="{direction}">' in page.text


def test_the_list_shows_jobs_in_one_state(app: Flask, job: Job) -> None:
    visitor = Visitor(app, Role.VIEWER)

    assert str(job.id) in visitor.get("/jobs?state=queued").text
    assert str(job.id) not in visitor.get("/jobs?state=failed").text


def test_the_list_asks_the_database_the_same_number_of_questions_however_long_it_is(app: Flask, job: Job) -> None:
    visitor = Visitor(app, Role.VIEWER)
    with counted() as few:
        visitor.get("/jobs")
    for _ in range(3):
        factories.asked(factories.administration().id)
    with counted() as many:
        visitor.get("/jobs")

    assert len(many) == len(few)


def test_a_job_that_waits_says_how_many_are_before_it(app: Flask, job: Job) -> None:
    factories.worker()
    behind = factories.asked(factories.administration().id)
    visitor = Visitor(app, Role.VIEWER)

    assert "It is the next one" in visitor.get(f"/jobs/{job.id}").text
    assert "One job is taken before it." in visitor.get(f"/jobs/{behind.id}").text


def test_a_failed_job_says_on_top_which_step_failed_where_and_why(app: Flask, job: Job) -> None:
    claim = factories.claimed()
    store(
        claim,
        told(1),
        told(2, kind="runner_on_failed", role="service", task="Start it", host="web1", result={"msg": HOSTILE}),
    )
    factories.concluded(claim, End.FAILED)
    page = Visitor(app, Role.VIEWER).get(f"/jobs/{job.id}").text
    failure, log = page.index("What failed"), page.index('id="log"')

    assert failure < page.index("Start it") < page.index("&lt;script&gt;alert(1)&lt;/script&gt;") < log
    assert failure < page.index("web1") < log
    assert HOSTILE not in page


def test_the_log_is_text_whatever_the_run_says(app: Flask, job: Job) -> None:
    store(factories.claimed(), told(1, stdout=HOSTILE))
    visitor = Visitor(app, Role.VIEWER)

    assert HOSTILE not in visitor.get(f"/jobs/{job.id}").text
    assert HOSTILE in visitor.get(f"/jobs/{job.id}/log.txt").text


def test_what_a_run_prints_is_kept_without_terminal_sequences_and_controls(app: Flask, job: Job) -> None:
    claim = factories.claimed()
    printed = "\x1b[0;32mok\x1b[0m: \x1b]8;;http://x\x07half\x00 \udcff\u202edone"
    store(claim, told(1, kind="runner_on_failed", stdout=printed, result={"msg": printed, "rc": 1}))
    (kept,) = events.after(job.id, Cursor())

    assert kept.stdout == kept.result["msg"] == "ok: half done"
    assert kept.result["rc"] == 1


def test_the_steps_of_a_run_say_what_each_role_did(app: Flask, job: Job) -> None:
    claim = factories.claimed()
    store(
        claim,
        told(1, role="files", changed=True),
        told(2, role="health"),
        told(3, role="service", kind="runner_on_failed"),
    )
    factories.concluded(claim, End.FAILED)
    page = Visitor(app, Role.VIEWER).get(f"/jobs/{job.id}").text
    steps = page[page.index('class="steps"') : page.index('id="log"')]

    assert re.findall(r"files|Done|health|Nothing to do|service|Failed", steps) == [
        "files", "Done", "health", "Nothing to do", "service", "Failed",
    ]  # fmt: skip


def test_a_page_and_its_stream_hold_every_event_once(app: Flask, job: Job) -> None:
    claim = factories.claimed()
    store(claim, told(1), told(2))
    visitor = Visitor(app, Role.VIEWER)
    page = visitor.get(f"/jobs/{job.id}").text
    last = re.search(r'data-last="([^"]+)"', page)
    assert last
    store(claim, told(3), told(4))
    factories.concluded(claim)
    stream = visitor.get(f"/jobs/{job.id}/stream?after={last[1]}").text

    assert re.findall(r"ok: number (\d)", page + stream) == ["1", "2", "3", "4"]
    assert places(stream) == ["1-3", "1-4"]
    assert stream.endswith("event: end\ndata: \n\n")


def test_a_reader_who_lost_the_line_goes_on_where_it_broke(app: Flask, job: Job) -> None:
    claim = factories.claimed()
    store(claim, *map(told, range(1, 6)))
    factories.concluded(claim)
    headers = {"Last-Event-ID": "1-3"}
    stream = Visitor(app, Role.VIEWER).get(f"/jobs/{job.id}/stream?after=0-0", headers=headers)

    assert stream.mimetype == "text/event-stream"
    assert places(stream.text) == ["1-4", "1-5"]


def test_the_stream_follows_the_run_and_ends_with_the_job(app: Flask, job: Job) -> None:
    claim = factories.claimed()
    visitor, heard = Visitor(app, Role.VIEWER), []

    def read() -> None:
        heard.append(visitor.get(f"/jobs/{job.id}/stream").text)

    def write() -> None:
        for counter in range(1, 31, 3):
            store(claim, *map(told, range(counter, counter + 3)))
            time.sleep(0.05)
        factories.concluded(claim)

    in_threads(app, [read, write])

    assert places(heard[0]) == [f"1-{counter}" for counter in range(1, 31)]
    assert heard[0].index("Running") < heard[0].index("Succeeded") < heard[0].index("event: end")


def test_the_story_of_a_second_attempt_follows_that_of_the_first(app: Flask, instance: Instance) -> None:
    job = factories.asked_to(Action.UPDATE, instance.id)
    first = factories.claimed()
    store(first, told(1), told(2))
    factories.concluded(first, End.FAILED)
    operator = Visitor(app, Role.OPERATOR)
    operator.post(f"/jobs/{job.id}/resolve", resolution="retry", reason="the server is back")
    factories.rested()
    second = factories.claimed()
    store(second, told(1))
    factories.concluded(second)

    assert places(operator.get(f"/jobs/{job.id}/stream").text) == ["1-1", "1-2", "2-1"]


def test_the_whole_log_is_a_file(app: Flask, job: Job) -> None:
    store(factories.claimed(), *map(told, range(1, 4)))
    file = Visitor(app, Role.VIEWER).get(f"/jobs/{job.id}/log.txt")

    assert f"job-{job.id}.txt" in file.headers["Content-Disposition"]
    assert [line.split(" ", 2)[1:] for line in file.text.splitlines()] == [
        [f"1-{counter}", f"ok: number {counter}"] for counter in (1, 2, 3)
    ]


def test_an_operator_cancels_a_job_that_waits(app: Flask, job: Job) -> None:
    answer = Visitor(app, Role.OPERATOR).post(f"/jobs/{job.id}/cancel", reason="asked twice")

    assert answer.headers["Location"] == f"/jobs/{job.id}"
    assert db.session.get_one(Job, job.id).state is JobState.CANCELLED


def test_nobody_cancels_without_the_right_or_from_a_foreign_page(app: Flask, job: Job) -> None:
    cancel = f"/jobs/{job.id}/cancel"

    assert Visitor(app, Role.VIEWER).post(cancel, reason="no").status_code == 403
    assert Visitor(app, Role.OPERATOR).call("POST", cancel, data={"reason": "no"}).status_code == 403
    assert db.session.get_one(Job, job.id).state is JobState.QUEUED


@pytest.mark.parametrize("page", ["", "/stream", "/log.txt"])
def test_an_unknown_job_is_not_found(app: Flask, page: str) -> None:
    assert Visitor(app, Role.VIEWER).get(f"/jobs/{uuid4()}{page}").status_code == 404


@pytest.mark.parametrize("page", ["", "/stream", "/log.txt"])
def test_nobody_reads_a_job_without_signing_in(app: Flask, job: Job, page: str) -> None:
    assert app.test_client().get(f"/jobs/{job.id}{page}").status_code == 303
