"""The calendar on the command line."""

import json
from datetime import datetime
from typing import Any

import pytest
from click import Command
from click.testing import CliRunner
from flask import Flask

from provisioner.administrations.models import Administration
from provisioner.calendar.cli import calendar, let_job_through, let_request_through
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from tests import factories
from tests.calendar.windows import frozen

FAR = ("--from", "2099-01-01T22:00", "--until", "2099-01-02T06:00")
NIGHTLY = ("arrange", "check", "--opens", "01:00", "--closes", "05:00", "--reason", "Nightly check")


def run(*arguments: str, command: Command = calendar) -> str:
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def answered(*arguments: str, command: Command = calendar) -> Any:
    return json.loads(run(*arguments, "--output", "json", command=command))


def test_a_window_is_planned_in_morocco_s_time_listed_and_called_off(administration: Administration) -> None:
    whose = ("--administration", administration.slug)
    planned = answered("freeze", *FAR, *whose, "--reason", "census")

    assert datetime.fromisoformat(planned["begins"]) == datetime.fromisoformat("2099-01-01T22:00+00:00")
    assert (planned["scope"], planned["administration"]) == ("administration", administration.slug)
    assert [each["id"] for each in answered("freezes", "--state", "coming")] == [planned["id"]]
    assert "census" in run("freezes")
    assert answered("end-freeze", planned["id"], "--reason", "not needed")["state"] == "over"


def test_a_moment_that_is_none_is_refused(app: Flask) -> None:
    done = CliRunner().invoke(calendar, ["freeze", "--until", "tomorrow", "--reason", "x"])

    assert done.exit_code == 2
    assert "2026-01-31T22:00" in done.output


@pytest.mark.parametrize("wrong", [("--opens", "25:00"), ("--day", "8")])
def test_a_schedule_with_a_wrong_time_is_refused(app: Flask, wrong: tuple[str, str]) -> None:
    assert CliRunner().invoke(calendar, [*NIGHTLY, *wrong]).exit_code == 2


def test_a_schedule_is_arranged_switched_off_and_removed(app: Flask) -> None:
    factories.app()
    run(*NIGHTLY)
    [general, own] = answered(*NIGHTLY, "--app", "complaints", "--day", "1", "--day", "5", "--off")

    assert (general["app"], general["opens"], general["days"], general["enabled"]) == (
        None, "01:00", [1, 2, 3, 4, 5, 6, 7], True,
    )  # fmt: skip
    assert (own["app"], own["days"], own["enabled"]) == ("complaints", [1, 5], False)
    assert [each["id"] for each in answered("remove", own["id"], "--reason", "x")] == [general["id"]]


def test_a_night_is_foreseen(instance: Instance) -> None:
    run(*NIGHTLY)
    frozen("census")

    foreseen = answered("preview", "--night", "2030-11-24")

    assert [sweep["instances"] for sweep in foreseen["sweeps"]] == [1]
    assert "complaints" in run("preview", "--night", "2030-11-24")
    assert "census" in run("preview")


def test_nights_are_listed(app: Flask) -> None:
    assert answered("nights") == []


def test_jobs_are_let_through_one_by_one_or_by_request(instance: Instance) -> None:
    first = factories.asked_to(Action.UPDATE, instance.id)
    second = factories.asked(factories.administration().id)
    frozen()

    assert answered(str(first.id), "--reason", "urgent", command=let_job_through) == {"jobs": 1}
    assert answered(str(second.request_id), "--reason", "urgent", command=let_request_through) == {"jobs": 1}
    assert {factories.claimed().job_id, factories.claimed().job_id} == {first.id, second.id}
