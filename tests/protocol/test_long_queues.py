"""A claim looks at a few jobs, however many wait."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import text

from provisioner.db import transaction
from provisioner.embedded.layout import Layout
from provisioner.jobs import claiming
from tests import factories
from tests.conftest import superuser

MANY = 5000
# Copies of one queued job, each of an instance of its own that nobody needs to enter here.
COPIES = """
    SET session_replication_role = replica;
    INSERT INTO job SELECT (jsonb_populate_record(job, jsonb_build_object(
        'id', gen_random_uuid(), 'instance_id', gen_random_uuid(), 'queued_at', clock_timestamp()))).*
        FROM job, generate_series(1, {many}) WHERE state = 'queued';
    INSERT INTO fence SELECT instance_id, 0 FROM job ON CONFLICT DO NOTHING;
    ANALYZE job
"""
TOGETHER = 5
VALUES = {
    "worker": "w",
    "owner": "w:1",
    "sites": [factories.SITE],
    "lease": 60,
    "repeatable": TOGETHER,
    "unrepeatable": TOGETHER,
    "forks": 1,
    "run": uuid4(),
    "patient": True,
}


@pytest.fixture
def behind(app: Flask, layout: Layout) -> UUID:
    """Thousands of jobs of one app, which may do one at a time, and the id of one of another app behind them."""
    factories.host(slots=100)
    factories.app("many", concurrency=1)
    factories.app("one")
    factories.asked(factories.administration().id, "many")
    with superuser(layout, "test") as connection:
        connection.execute(COPIES.format(many=MANY))
    return factories.asked(factories.administration().id, "one").id


def jobs_read() -> int:
    """How many rows of the queue a claim looks at, those that it passes over included."""
    with transaction(dry_run=True) as session:
        query = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {claiming.CLAIM.text}")
        [[explained]] = session.execute(query, VALUES).all()
    scans = [node for node in nodes(explained[0]["Plan"]) if node.get("Relation Name") == "job"]
    return sum((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in scans)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def test_the_first_of_thousands_is_found_without_reading_them(behind: UUID) -> None:
    assert 0 < jobs_read() < 100


def test_thousands_that_must_wait_for_a_slot_are_not_read_to_find_the_one_behind_them(behind: UUID) -> None:
    factories.claimed()

    assert 0 < jobs_read() < 100
    assert factories.claimed().job_id == behind


def test_thousands_that_move_to_another_server_are_not_read_to_find_those_that_go_along(
    behind: UUID, layout: Layout
) -> None:
    ids = {name: f"'{factories.host(name).id}'" for name in ("far", "near")}
    moving = "UPDATE job SET action = 'move', target_host_id = {far}; ANALYZE job;"
    first_and_last = (
        "UPDATE job SET target_host_id = {near} WHERE queued_at IN (SELECT min(queued_at) FROM job UNION ALL "
        "SELECT max(queued_at) FROM job);"
    )
    with superuser(layout, "test") as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute((moving + first_and_last).format(**ids))

    assert 0 < jobs_read() < 100
