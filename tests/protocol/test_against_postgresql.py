"""The model is the service: both are driven side by side, and each row of theirs is alike after each step.

More of it: PROTOCOL_EXAMPLES=2000.
"""

import os
from collections.abc import Collection, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import and_, text
from sqlalchemy.exc import IntegrityError

from provisioner.embedded.layout import Layout
from provisioner.hosts import service as hosts
from provisioner.jobs import attempts, claiming, events, recovery, service as jobs
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.models import Job
from tests.conftest import superuser
from tests.protocol.real import Real, clock
from tests.protocol.twins import SETUP, Twins

EXAMPLES = int(os.environ.get("PROTOCOL_EXAMPLES", "20"))
STEPS = settings(
    derandomize="PROTOCOL_EXAMPLES" not in os.environ,
    database=None,
    deadline=None,
    stateful_step_count=40,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def real(_common_store: None, app: Flask, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Iterator[Real]:
    """The service with an estate; its clock stands, and chance always says one half."""
    monkeypatch.setattr(attempts, "random", SimpleNamespace(random=lambda: 0.5))
    with superuser(layout, "test") as connection, clock(connection):
        yield Real(SETUP, connection)


def test_the_service_does_what_the_model_does(real: Real) -> None:
    compare(real, EXAMPLES)


def compare(real: Real, examples: int) -> None:
    """By stories first, then by what chance comes to; how to come to a difference shortest does not matter."""
    Twins.tell_all_stories(real)
    searching = settings(STEPS, max_examples=examples, phases=[Phase.generate])
    run_state_machine_as_test(lambda: Twins(real), settings=searching)


def without_fence(held: Collection[attempts.Claim]) -> Any:
    return and_(Job.id.in_([each.job_id for each in held]), Job.state == JobState.RUNNING)


def claim_without(condition: str, instead: str = "") -> tuple[Any, str, Any]:
    assert condition in claiming.CLAIM.text
    return claiming, "CLAIM", text(claiming.CLAIM.text.replace(condition, instead))


MUTANTS = {
    "attempts without fence": (attempts, "running", without_fence),
    "events without fence": (events, "running", without_fence),
    "no quiesce": (recovery, "_quiesce", recovery._after_quiesce),
    "what had begun is put back": (recovery, "_after_quiesce", recovery._put_back),
    "no leap": (recovery, "LEAP", 0),
    "nobody is parked": (hosts, "park", lambda _: None),
    "newcomers do not wait": (jobs, "_still_acting", lambda _: {}),
    "the fence stays": claim_without("value = value + 1", "value = value"),
    "parked hosts are claimed for": claim_without("host.parked_at IS NULL", "true"),
    "pauses are ignored": claim_without("AND (job.not_before IS NULL OR job.not_before <= clock_timestamp())"),
    "sweeps are not behind": claim_without("ORDER BY job.background, ", "ORDER BY "),
    "others of its instance may act": claim_without("WHERE acting.state IN", "WHERE false AND acting.state IN"),
    "a run takes all slots": claim_without("/ 2", "/ 1"),
    "who was lost goes along": claim_without("cause IN ('unreachable', 'not_begun')", "cause IS NOT NULL"),
    "the server that a move comes to may be full or away": claim_without(
        "coalesce(job.target_host_id, job.host_id) = ANY", "job.host_id = ANY"
    ),
    "a move takes no slot where it comes to": claim_without(" UNION ALL SELECT * FROM of_other"),
    "the service is not drained": claim_without("scope = 'service' OR "),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_service_with_a_fault_is_found_out(real: Real, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(*MUTANTS[name])

    found_out(real)


def test_a_database_that_does_not_free_slots_is_found_out(real: Real) -> None:
    real.superuser.execute("ALTER TABLE job DISABLE TRIGGER slots")
    try:
        found_out(real)
    finally:
        real.superuser.execute("ALTER TABLE job ENABLE TRIGGER slots")


def found_out(real: Real) -> None:
    with pytest.raises((AssertionError, IntegrityError)):  # the database itself may refuse
        compare(real, 200)
