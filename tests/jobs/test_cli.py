"""Jobs on the command line: list, show, read along, stop, settle."""

import json
from typing import Any
from uuid import uuid4

import pytest
from click import Command
from click.testing import CliRunner
from flask import Flask

from provisioner.administrations.models import Administration
from provisioner.db import transaction
from provisioner.errors import Conflict, NotFound
from provisioner.instances import service as instances
from provisioner.instances.cli import cancel, resolve
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs.attempts import Outcome
from provisioner.jobs.cli import jobs
from provisioner.jobs.events import Event
from provisioner.jobs.lifecycle import End
from provisioner.workers import service as workers
from provisioner.workers.lifecycle import DrainScope
from tests import factories
from tests.threads import in_threads


def run(*arguments: str, command: Command = jobs) -> str:
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def answered(*arguments: str, command: Command = jobs) -> Any:
    return json.loads(run(*arguments, "--output", "json", command=command))


def test_jobs_are_listed_the_newest_first(administration: Administration) -> None:
    first, second = (str(factories.asked(factories.administration().id).id) for _ in range(2))

    assert [job["id"] for job in answered("list", "--state", "queued")] == [second, first]
    assert [job["id"] for job in answered("list", "--limit", "1")] == [second]
    assert first in run("list")


def test_one_job_is_shown_with_all_that_is_known(administration: Administration) -> None:
    job = factories.asked(administration.id, release="1.0")

    assert answered("show", str(job.id))["release"] == "1.0"
    assert "provision" in run("show", str(job.id))


def test_an_unknown_job_is_not_found(app: Flask) -> None:
    for command in ("show", "tail"):
        with pytest.raises(NotFound):
            run(command, str(uuid4()))


def test_the_log_is_printed_while_it_is_written(app: Flask, administration: Administration) -> None:
    factories.asked(administration.id)
    claim = factories.claimed()
    printed: list[str] = []

    def work() -> None:
        for counter in (1, 2, 3):
            with transaction():
                factories.said(claim, [Event(counter, "verbose", f"line {counter}\r\n")])
        factories.concluded(claim)

    in_threads(app, [lambda: printed.append(run("tail", str(claim.job_id))), work])

    assert printed == ["line 1\nline 2\nline 3\n"]


def test_the_log_so_far_is_printed_without_waiting(administration: Administration) -> None:
    factories.asked(administration.id)
    claim = factories.claimed()
    with transaction():
        factories.said(claim, [Event(1, "verbose", "one"), Event(2, "playbook_on_stats", "")])

    assert run("tail", str(claim.job_id), "--no-follow") == "one\n"
    lines = run("tail", str(claim.job_id), "--no-follow", "--output", "json").splitlines()
    assert [json.loads(line)["counter"] for line in lines] == [1, 2]


def test_a_queued_job_is_cancelled(instance: Instance) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)

    assert answered(str(update.id), "--reason", "wrong day", command=cancel)["state"] == "cancelled"
    with pytest.raises(Conflict):
        run(str(update.id), "--reason", "again", command=cancel)


def test_a_job_that_needs_attention_is_settled(instance: Instance) -> None:
    update = factories.asked_to(Action.UPDATE, instance.id)
    factories.carried_out(End.FAILED, {})

    settled = answered(str(update.id), "failed", "--reason", "I looked", command=resolve)

    assert (settled["state"], settled["cause"]) == ("failed", "resolved")


def test_people_read_in_one_line_why_a_job_waits_and_what_was_stopped(
    app: Flask, administration: Administration
) -> None:
    asked = factories.asked(administration.id)
    with transaction():
        workers.drain(DrainScope.SERVICE, "", "new kernel")

    waiting = run("show", str(asked.id))

    assert "draining, new kernel" in waiting
    with transaction():
        workers.end_drain(DrainScope.SERVICE, "", "done")
    killed = {
        "processes": [{"name": "sleep", "command": "sleep 7"}],
        "count": 1,
        "left": 0,
        "seconds": 0.2,
        "tasks": {},
    }
    outcome = Outcome(End.CANCELLED, touched=True, report={}, events_emitted=0, stopped=killed | {"remote": False})
    with transaction():
        instances.conclude({factories.claimed(): outcome})
    stopped = run("show", str(asked.id))
    assert "1 killed in 0.2 s, 0 left" in stopped
    assert "sleep 7" in stopped
