"""What was stopped with a run, as people and programs see it."""

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.administrations.models import Administration
from provisioner.db import Json, transaction
from provisioner.instances import service as instances
from provisioner.jobs.attempts import Outcome
from provisioner.jobs.lifecycle import End
from provisioner.jobs.models import Job
from tests import factories
from tests.factories import Api
from tests.visitors import Visitor

STOPPED = {
    "processes": [{"name": "sh", "command": "sh -c <b>"}],
    "count": 3,
    "left": 0,
    "seconds": 0.3,
    "tasks": {"abc": "Copy the <i>files"},
    "remote": False,
}


@pytest.fixture
def job(administration: Administration) -> Job:
    return factories.asked(administration.id)


def stopped(end: End = End.CANCELLED, report: Json | None = None, **more: object) -> None:
    with transaction():
        instances.conclude({factories.claimed(): Outcome(end, True, report or {}, 0, STOPPED | more)})


def test_a_program_reads_what_was_stopped(app: Flask, job: Job) -> None:
    api = Api(app, Role.VIEWER)
    assert api.get(f"/jobs/{job.id}").json["stopped"] is None

    stopped()

    assert api.get(f"/jobs/{job.id}").json["stopped"] == STOPPED


def test_the_page_names_what_was_stopped(app: Flask, job: Job) -> None:
    stopped()

    page = Visitor(app, Role.VIEWER, language="en").get(f"/jobs/{job.id}").text

    assert "3 processes were killed, and all of them are gone." in page
    assert "sh -c &lt;b&gt;" in page
    assert "Copy the &lt;i&gt;files" in page
    assert "may go on there" not in page


def test_the_page_warns_of_what_lives_on(app: Flask, job: Job) -> None:
    stopped(left=2, remote=True)

    page = Visitor(app, Role.VIEWER, language="en").get(f"/jobs/{job.id}").text

    assert "2 processes could not be killed and may still act." in page
    assert "may go on there" in page


def test_the_page_says_why_a_run_broke(app: Flask, job: Job) -> None:
    stopped(End.BROKEN, report={"reason": "No space left on <device>"})

    page = Visitor(app, Role.VIEWER, language="en").get(f"/jobs/{job.id}").text

    assert "No space left on &lt;device&gt;" in page
