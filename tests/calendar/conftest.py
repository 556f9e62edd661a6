"""An estate for the tests of this room, and a clock that they set."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from flask import Flask

from provisioner.administrations.models import Administration
from provisioner.db import db
from provisioner.embedded.layout import Layout
from provisioner.instances.models import Instance
from tests import factories
from tests.conftest import superuser
from tests.protocol import real

SetClock = Callable[[datetime], None]

EVENING = datetime(2026, 6, 1, 20, tzinfo=UTC)
MANY = 40
# Copies of one instance, evenly over the night, in its place.
COPIES = f"""
    SET session_replication_role = replica;
    INSERT INTO instance SELECT (jsonb_populate_record(instance, jsonb_build_object(
        'id', rpad(lpad(to_hex((number::bigint << 32) / {MANY}), 8, '0'), 32, '0')::uuid,
        'short_id', 'i' || lpad(number::text, 9, '0'), 'hostname', 'copy-' || number, 'port', 30000 + number,
        'administration_id', whose.id))).*
    FROM instance, (SELECT id, row_number() OVER (ORDER BY id) - 1 AS number FROM administration
        WHERE slug LIKE 'copy-%') AS whose;
    DELETE FROM instance WHERE hostname NOT LIKE 'copy-%';
    DELETE FROM instance_period; DELETE FROM instance_secret; DELETE FROM request_outcome; DELETE FROM request;
    DELETE FROM job; DELETE FROM fence
"""


@pytest.fixture
def administration(app: Flask) -> Administration:
    """An administration, with a worker, a host and an app (releases 1.0 and 2.0) that it could run."""
    factories.worker()
    factories.host()
    factories.app()
    return factories.administration()


@pytest.fixture
def instance(administration: Administration) -> Instance:
    """Its instance, active on release 1.0."""
    return factories.instance(administration, release="1.0")


@pytest.fixture
def connection(app: Flask, layout: Layout) -> Iterator[psycopg.Connection]:
    """Past the service."""
    with superuser(layout, "test") as connection:
        yield connection


@pytest.fixture
def set_clock(connection: psycopg.Connection) -> Iterator[SetClock]:
    """Lets the database's clock stand at a moment."""
    with real.clock(connection):
        yield lambda at: connection.execute("UPDATE fake.clock SET now = %s", [at]) and None


@pytest.fixture
def estate(administration: Administration, connection: psycopg.Connection, set_clock: SetClock) -> SetClock:
    """Forty instances, one for each six minutes of a window of four hours, and a clock that stands in the evening."""
    set_clock(EVENING)
    factories.instance(administration, release="1.0")
    for number in range(MANY):
        factories.administration(f"copy-{number}")
    db.session.rollback()
    connection.execute(COPIES)
    return set_clock
