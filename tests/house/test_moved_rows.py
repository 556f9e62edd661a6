"""Steps that change how something is kept bring along what is there."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config

from provisioner import migrations
from provisioner.embedded.layout import APPLICATION, OWNER, SUPERUSER, Layout
from tests.conftest import superuser

# A job that has run twice.
RUN_TWICE = """
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


Before = Callable[[str, str], Layout]
# An instance that was moved to other settings once.
TWO_PERIODS = """
    SET session_replication_role = replica;
    INSERT INTO instance_period (instance_id, valid, state, host_id, address, desired_release_id, settings)
    SELECT id, CAST(period.valid AS tstzrange), 'active', id, 'http://here/', id, CAST(period.settings AS jsonb)
    FROM gen_random_uuid() AS id, (VALUES
        ('[2026-01-01 00:00+01, 2026-02-01 00:00+01)', '{"colour": "blue"}'),
        ('[2026-02-01 00:00+01,)', '{"colour": "red"}')) AS period (valid, settings);
"""
# A check and an update that wait.
WAITING = """
    SET session_replication_role = replica;
    INSERT INTO job (id, instance_id, administration_id, request_id, action, release_id, digest, site, state,
        retry_safe, attempt, max_attempts, timeout, report, events_emitted, events_stored, app_id, host_id)
    SELECT gen_random_uuid(), id, id, id, action, id, 'd', 'here', 'queued', false, 0, 3, 60, '{}', 0, 0, id, id
    FROM (SELECT gen_random_uuid() AS id, action FROM (VALUES ('check'), ('update')) AS asked (action)) AS each;
"""
# A host that Amina drains for the second time, one that somebody drained past the audit, and one in use.
DRAINED = """
    SET session_replication_role = replica;
    INSERT INTO host (id, name, address, connection, site, state, facts)
    SELECT gen_random_uuid(), name, '192.0.2.1', 'ssh', 'here', state, '{}'
    FROM (VALUES ('drained', 'draining'), ('silent', 'draining'), ('used', 'active')) AS wanted (name, state);
    INSERT INTO audit_event (on_behalf_of, via, action, object_type, object_id, reason, outcome)
    SELECT 'amina', 'cli', 'host.drain', 'host', id::text, reason, 'done'
    FROM host, (VALUES ('first'), ('again')) AS said (reason) WHERE name = 'drained';
"""
# Three instances with a date of removal: one serves, one waits for its suspension, one is suspended; and one without.
TO_BE_REMOVED = """
    SET session_replication_role = replica;
    INSERT INTO instance (id, short_id, administration_id, app_id, environment, host_id, hostname, address, state,
        desired_release_id, applied_release_id, settings, health, version, removal_due_at)
    SELECT id, short_id, id, id, 'production', id, short_id, short_id, state, id, id, '{}', 'healthy', 1, due
    FROM (SELECT gen_random_uuid() AS id, * FROM (VALUES
        ('serves0000', 'active', now()), ('waits00000', 'active', now()), ('suspended0', 'suspended', now()),
        ('other00000', 'active', NULL)) AS wanted (short_id, state, due)) AS each;
    INSERT INTO job (id, instance_id, administration_id, request_id, action, release_id, digest, site, state,
        retry_safe, attempt, max_attempts, timeout, report, events_emitted, events_stored, app_id, host_id)
    SELECT gen_random_uuid(), id, id, id, 'suspend', id, 'd', 'here', 'queued', false, 0, 3, 60, '{}', 0, 0, id, id
    FROM instance WHERE short_id = 'waits00000';
"""


@pytest.fixture
def before(layout: Layout) -> Iterator[Before]:
    """Makes a database that has come to a step, with these rows."""

    def begin(step: str, rows: str) -> Layout:
        with superuser(layout, "before") as inside:
            inside.execute("CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gist")
        upgrade(layout, step)
        with psycopg.connect(url(layout, SUPERUSER), autocommit=True) as inside:
            inside.execute(rows)
        return layout

    with superuser(layout) as connection:
        connection.execute(f"CREATE DATABASE before OWNER {OWNER} TEMPLATE template0 ENCODING 'UTF8'")
        yield begin
        connection.execute("DROP DATABASE before WITH (FORCE)")


def test_old_events_lie_in_the_month_of_their_job_and_their_steps_are_known(before: Before) -> None:
    layout = before("0007", RUN_TWICE)

    upgrade(layout, "0008")

    with psycopg.connect(url(layout, APPLICATION)) as application:
        events = application.execute("SELECT attempt, counter FROM job_event_2026_03 ORDER BY 1, 2").fetchall()
        steps = application.execute(
            "SELECT attempt, play, role, number, task, failed, changed FROM job_step ORDER BY attempt"
        ).fetchall()
    assert events == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert steps == [(attempt, "Update", "files", 1, "task 2", True, True) for attempt in (1, 2)]


def test_old_periods_begin_when_they_began(before: Before) -> None:
    layout = before("0010", TWO_PERIODS)

    upgrade(layout, "0011")

    with psycopg.connect(url(layout, APPLICATION)) as application:
        periods = application.execute(
            "SELECT since AT TIME ZONE 'Africa/Casablanca', settings FROM instance_period ORDER BY since"
        ).fetchall()
    assert [(since.isoformat(), settings["colour"]) for since, settings in periods] == [
        ("2026-01-01T00:00:00", "blue"),
        ("2026-02-01T00:00:00", "red"),
    ]


def test_jobs_that_wait_are_known_to_change_something_or_nothing(before: Before) -> None:
    layout = before("0014", WAITING)

    upgrade(layout, "0015")

    with psycopg.connect(url(layout, APPLICATION)) as application:
        jobs = application.execute("SELECT action, read_only FROM job ORDER BY action").fetchall()
        nightly = application.execute("SELECT action, enabled FROM schedule ORDER BY action").fetchall()
    assert jobs == [("check", True), ("update", False)]
    assert nightly == [("back_up", True), ("check", True), ("drill", False)]


def test_hosts_that_are_being_drained_are_emptied_on_behalf_of_whoever_drained_them(before: Before) -> None:
    layout = before("0018", DRAINED)

    upgrade(layout, "0019")

    with psycopg.connect(url(layout, APPLICATION)) as application:
        wishes = application.execute(
            "SELECT name, reason, on_behalf_of FROM emptying JOIN host ON host.id = host_id ORDER BY name"
        ).fetchall()
    assert wishes == [("drained", "again", "amina"), ("silent", "The server shall be empty.", None)]


def test_what_serves_and_is_not_about_to_be_suspended_waits_for_no_removal(before: Before) -> None:
    layout = before("0020", TO_BE_REMOVED)

    upgrade(layout, "0021")

    with psycopg.connect(url(layout, APPLICATION)) as application:
        due = application.execute(
            "SELECT short_id FROM instance WHERE removal_due_at IS NOT NULL ORDER BY 1"
        ).fetchall()
    assert due == [("suspended0",), ("waits00000",)]
