"""Step 0008 brings along what runs said before there were months."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config

from provisioner import migrations
from provisioner.embedded.layout import APPLICATION, OWNER, SUPERUSER, Layout
from tests.conftest import superuser

BEFORE = """
    SET session_replication_role = replica;
    INSERT INTO job (id, instance_id, administration_id, request_id, action, release_id, digest, site, state,
        retry_safe, attempt, max_attempts, timeout, queued_at, finished_at, report, events_emitted, events_stored,
        app_id, host_id)
    SELECT '00000000-0000-0000-0000-000000000001', id, id, id, 'update', id, 'd', 'here', 'failed', false, 2, 3, 60,
        '2026-02-28 23:30:00-01', now(), '{}', 2, 2, id, id FROM gen_random_uuid() AS id;
    INSERT INTO job_event (job_id, attempt, counter, kind, play, role, task, host, changed, stdout, result)
    SELECT '00000000-0000-0000-0000-000000000001', attempt, counter, CASE counter WHEN 1 THEN 'runner_on_ok'
            ELSE 'runner_on_failed' END, 'Update', 'files', 'task ' || counter, 'h', counter = 1, 'said', '{}'
        FROM generate_series(1, 2) AS attempt, generate_series(1, 2) AS counter;
"""


def url(layout: Layout, role: str) -> str:
    return layout.database_url(role, "before").replace("+psycopg", "")


def upgrade(layout: Layout, step: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(str(migrations.__file__)).parent))
    config.set_main_option("sqlalchemy.url", layout.database_url(OWNER, "before").replace("%", "%%"))
    command.upgrade(config, step)


@pytest.fixture
def before(layout: Layout) -> Iterator[Layout]:
    """A database of the step before, with a job that has run twice."""
    with superuser(layout) as connection:
        connection.execute(f"CREATE DATABASE before OWNER {OWNER} TEMPLATE template0 ENCODING 'UTF8'")
        with superuser(layout, "before") as inside:
            inside.execute("CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gist")
        upgrade(layout, "0007")
        with psycopg.connect(url(layout, SUPERUSER), autocommit=True) as inside:
            inside.execute(BEFORE)
        yield layout
        connection.execute("DROP DATABASE before WITH (FORCE)")


def test_old_events_lie_in_the_month_of_their_job_and_their_steps_are_known(before: Layout) -> None:
    upgrade(before, "0008")

    with psycopg.connect(url(before, APPLICATION)) as application:
        events = application.execute("SELECT attempt, counter FROM job_event_2026_03 ORDER BY 1, 2").fetchall()
        steps = application.execute(
            "SELECT attempt, play, role, number, task, failed, changed FROM job_step ORDER BY attempt"
        ).fetchall()
    assert events == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert steps == [(attempt, "Update", "files", 1, "task 2", True, True) for attempt in (1, 2)]
