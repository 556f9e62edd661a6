"""What every test stands on: real servers for the session, and an empty database for each test."""

import os
from collections.abc import Generator, Iterator

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from provisioner import config
from provisioner.app import create_app
from provisioner.audit.service import Actor, Via, acting
from provisioner.db import db
from provisioner.embedded.layout import DATABASE, OWNER, SUPERUSER, Layout
from provisioner.embedded.servers import servers
from provisioner.migrations.run import migrate
from tests.chromium import chromium

__all__ = ["chromium"]  # one browser for the session, whichever folder asks for it first


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything can be installed nothing may be skipped; but not every kernel lets machines boot."""
    report = yield
    if report.skipped and "CI" in os.environ and not item.get_closest_marker("machines"):
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    """Embedded servers with a migrated database, which no test writes to."""
    with servers(tmp_path_factory.mktemp("state"), durable=False) as layout:
        migrate(layout.database_url(OWNER))
        yield layout


# Foreign keys, history and the audit's refusals are triggers, which a replica does not fire.
EMPTY = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET session_replication_role = replica;
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
            EXECUTE format('DELETE FROM %I', name);
        END LOOP;
    END $$
"""


def superuser(layout: Layout, database: str = "postgres") -> psycopg.Connection:
    url = layout.database_url(SUPERUSER, database).replace("+psycopg", "")
    return psycopg.connect(url, autocommit=True)


@pytest.fixture(scope="session")
def service(layout: Layout) -> Iterator[Flask]:
    """The application, built once, on a copy of the migrated database."""
    with superuser(layout) as connection:
        connection.execute(f"CREATE DATABASE test TEMPLATE {DATABASE} OWNER {OWNER}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROVISIONER_STATE_DIR", str(layout.state_dir))
        patch.setenv("PROVISIONER_DATABASE_URL", layout.database_url("provisioner_app", "test"))
        config.settings.cache_clear()
        yield create_app()
    config.settings.cache_clear()


@pytest.fixture
def app(service: Flask, layout: Layout) -> Iterator[Flask]:
    """The application with nothing in its database, inside its context, acting as the tests."""
    with superuser(layout, "test") as connection:
        connection.execute(EMPTY)
    with service.app_context(), acting(Actor(Via.CLI, on_behalf_of="tests")):
        yield service
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def _common_store(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Instances can move: there is a store that all hosts would reach."""
    monkeypatch.setenv("PROVISIONER_BACKUP_STORE", "s3://127.0.0.1:1/backups")
    config.settings.cache_clear()
    yield
    monkeypatch.undo()
    config.settings.cache_clear()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
