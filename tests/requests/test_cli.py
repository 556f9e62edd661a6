"""Asking on the command line, and waiting for what comes of it."""

import json
import time
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from provisioner.administrations.models import Administration
from provisioner.db import db, transaction
from provisioner.errors import Conflict, Invalid
from provisioner.instances.models import Instance
from provisioner.jobs.lifecycle import End
from provisioner.requests.cli import request
from tests import factories
from tests.threads import in_threads

NEW = ["new", "complaints", "--administration", "commune-a", "--reason", "They asked."]


def run(*arguments: str) -> Result:
    """The command and its answer; what it refuses with is raised, for that is the business of `main`."""
    return CliRunner().invoke(request, arguments, catch_exceptions=False)


def answered(*arguments: str) -> dict[str, Any]:
    done = run(*arguments, "--output", "json")
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


def test_an_instance_is_asked_for(administration: Administration) -> None:
    job = answered(*NEW, "--set", "title=A=B", "--set", "days=7", "--release", "1.0", "--environment", "training")

    instance = db.session.get_one(Instance, factories.job(job["id"]).instance_id)
    assert (job["action"], job["state"]) == ("provision", "queued")
    assert (instance.settings, instance.environment) == ({"title": "A=B", "days": 7}, "training")


def test_wrong_settings_are_told_and_nothing_is_kept(administration: Administration) -> None:
    before = factories.row_counts()

    with pytest.raises(Invalid) as refused:
        run(*NEW, "--set", "days=0", "--set", "colour=red")

    assert {fault["pointer"] for fault in refused.value.errors} == {
        "/settings/title",
        "/settings/days",
        "/settings/colour",
    }
    assert factories.row_counts() == before


def test_a_setting_without_a_value_is_a_mistake_of_usage(administration: Administration) -> None:
    done = run(*NEW, "--set", "title")

    assert (done.exit_code, "title is not NAME=VALUE" in done.stderr) == (2, True)


@pytest.mark.parametrize("naming", ["id", "short_id", "hostname"])
def test_an_instance_is_named_by_id_short_id_or_host_name(administration: Administration, naming: str) -> None:
    instance = factories.instance(administration, settings={"title": "x"})

    job = answered("check", str(getattr(instance, naming)), "--reason", "audit")

    assert (job["action"], job["instance_id"]) == ("check", str(instance.id))


def test_an_update_goes_to_the_release_that_is_named(administration: Administration) -> None:
    instance = factories.instance(administration, release="1.0", settings={"title": "x"})

    job = answered("update", instance.short_id, "--release", "2.0", "--reason", "new")

    assert job["action"] == "update"
    factories.carried_out()
    assert factories.job(job["id"]).state == "succeeded"


def test_what_the_state_of_the_instance_forbids_is_refused(administration: Administration) -> None:
    instance = factories.instance(administration, settings={"title": "x"})

    with pytest.raises(Conflict):
        run("provision", instance.short_id, "--reason", "why not")


@pytest.mark.parametrize(("end", "state", "code"), [(End.SUCCEEDED, "succeeded", 0), (End.FAILED, "failed", 3)])
def test_who_waits_learns_how_it_ended_from_the_exit_code(
    app: Flask, administration: Administration, end: End, state: str, code: int
) -> None:
    answers: list[Result] = []

    in_threads(
        app,
        [
            lambda: answers.append(run(*NEW, "--set", "title=x", "--wait", "--output", "json")),
            lambda: work(end),
        ],
    )

    [done] = answers
    assert (done.exit_code, json.loads(done.stdout)["state"]) == (code, state)


def work(end: End) -> None:
    """What a worker does, once there is something to do."""
    claim = None
    while claim is None:
        with transaction():
            claim = factories.claim("worker", [factories.SITE])
        time.sleep(0.05)
    factories.concluded(claim, end)


def test_many_are_asked_for_by_what_they_are_and_exit_code_3_tells_of_refusals(administration: Administration) -> None:
    made = [factories.instance(factories.administration(), settings={"title": "x"}, release="1.0") for _ in range(3)]
    reason = ("--reason", "Security release")

    foreseen = answered("many", "update", "complaints", "--all", "--dry-run", *reason)
    named = answered("many", "update", "complaints", "--instance", made[0].short_id, *reason)
    rest = run("many", "update", "complaints", "--release", "1.0", "--to", "2.0", *reason, "--output", "json")

    assert foreseen == {"accepted": 3, "unchanged": 0, "refused": 0, "refusals": []}
    assert named["accepted"] == 1
    told = json.loads(rest.stdout)
    assert (rest.exit_code, told["accepted"], told["refused"]) == (3, 2, 1)
    assert told["refusals"][0]["short_id"] == made[0].short_id


@pytest.mark.parametrize("which", [(), ("--all", "--host", "server"), ("--all", "--instance", "x")])
def test_which_instances_are_meant_must_be_said_in_one_way(administration: Administration, which: tuple[str]) -> None:
    assert run("many", "check", "complaints", *which, "--reason", "x").exit_code == 2


def test_other_settings_are_asked_for_and_the_same_are_nothing_to_do(administration: Administration) -> None:
    instance = factories.instance(administration, settings={"title": "x"})

    asked = answered("reconfigure", instance.short_id, "--set", "days=7", "--reason", "agreed")
    factories.carried_out()
    again = answered("reconfigure", instance.short_id, "--set", "days=7", "--reason", "agreed")

    assert (asked["action"], again) == ("reconfigure", {"unchanged": True})
