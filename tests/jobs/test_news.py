"""Who reads along hears of it when a job says something, and only of that job."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from provisioner.administrations.models import Administration
from provisioner.db import db, transaction
from provisioner.jobs.attempts import Claim
from provisioner.jobs.events import Event
from provisioner.jobs.news import CHANNEL, listener
from tests import factories
from tests.running import wait_for

LISTENING = text("SELECT count(*) FROM pg_stat_activity WHERE query = :query")


@pytest.fixture
def claim(administration: Administration) -> Claim:
    factories.asked(administration.id)
    return factories.claimed()


def listening() -> bool:
    with transaction():
        return bool(db.session.scalar(LISTENING, {"query": f"LISTEN {CHANNEL}"}))


def say(claim: Claim) -> None:
    with transaction():
        factories.said(claim, [Event(1, "runner_on_ok", "ok")], 1)


def test_a_reader_is_told_of_what_the_job_says(claim: Claim) -> None:
    with listener.bell(claim.job_id) as bell, listener.bell(uuid4()) as of_another:
        wait_for("somebody who listens", listening)
        say(claim)

        assert bell.wait(30)
        assert not of_another.is_set()


def test_nobody_listens_once_nobody_reads(claim: Claim) -> None:
    with listener.bell(claim.job_id):
        wait_for("somebody who listens", listening)

    wait_for("the end of listening", lambda: not listening())


def test_a_lost_connection_is_made_anew(claim: Claim) -> None:
    with listener.bell(claim.job_id) as bell:
        wait_for("somebody who listens", listening)
        with transaction() as session:
            session.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = :query"),
                {"query": f"LISTEN {CHANNEL}"},
            )
        wait_for("the end of listening", lambda: not listening())
        wait_for("somebody who listens again", listening)
        say(claim)

        assert bell.wait(30)
