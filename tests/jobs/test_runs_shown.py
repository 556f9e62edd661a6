"""A job that one run carries out with others says so, wherever it is read."""

import re

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.db import transaction
from provisioner.jobs import attempts, claiming
from provisioner.jobs.claiming import Batch
from provisioner.jobs.lifecycle import End
from tests import factories
from tests.factories import Api
from tests.visitors import Visitor

TURN = "Waits for its turn in its run."


@pytest.fixture
def run(app: Flask) -> Batch:
    """The run of three jobs, in which the turn of the first has come; another job has a run of its own."""
    factories.host()
    factories.app()
    factories.app("open-data")
    factories.asked(factories.administration().id, "open-data")
    factories.claimed()
    for _ in range(3):
        factories.asked(factories.administration().id)
    with transaction():
        found = claiming.claim("worker", [factories.SITE])
        assert found
        attempts.begin(found.claims[:1])
    return found


def test_programs_find_the_jobs_of_a_run(app: Flask, run: Batch) -> None:
    api = Api(app, Role.VIEWER)
    first = api.get(f"/jobs/{run.claims[0].job_id}").json

    together = api.get(f"/jobs?run={first['run_id']}").json["items"]

    assert {job["id"] for job in together} == {str(claim.job_id) for claim in run.claims}
    assert {job["run_id"] for job in together} == {first["run_id"]}
    assert [api.get(f"/jobs/{claim.job_id}").json["begun"] for claim in run.claims] == [True, False, False]


def test_the_page_of_a_job_leads_to_the_others_of_its_run_and_says_whether_its_turn_has_come(
    app: Flask, run: Batch
) -> None:
    visitor = Visitor(app, Role.VIEWER)
    begun, waiting = (visitor.get(f"/jobs/{claim.job_id}").text for claim in run.claims[:2])
    run_id = factories.job(run.claims[0].job_id).run_id

    assert "In one run with 2 others" in begun
    assert f'href="/jobs?run={run_id}"' in begun
    assert (TURN in begun, TURN in waiting) == (False, True)
    listed = set(re.findall(r'href="/jobs/([0-9a-f-]{36})"', visitor.get(f"/jobs?run={run_id}").text))
    assert listed == {str(claim.job_id) for claim in run.claims}


def test_a_job_that_is_alone_in_its_run_does_not_speak_of_others(app: Flask) -> None:
    factories.host()
    factories.app()
    job = factories.asked(factories.administration().id)
    with transaction():
        assert claiming.claim("worker", [factories.SITE])

    page = Visitor(app, Role.VIEWER).get(f"/jobs/{job.id}").text

    assert "In one run" not in page
    assert TURN not in page


def test_a_job_for_which_there_was_nothing_to_do_says_so(app: Flask) -> None:
    factories.host()
    factories.app()
    job = factories.asked(factories.administration().id)
    claim = factories.claimed()
    visitor, sentence = Visitor(app, Role.VIEWER), "Everything was already as it should be."
    assert sentence not in visitor.get(f"/jobs/{job.id}").text

    factories.concluded(claim, End.SUCCEEDED, touched=False, report={"unchanged": True})

    assert sentence in visitor.get(f"/jobs/{job.id}").text
