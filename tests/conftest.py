"""What every test stands on: real servers for the session, and a database of its own for each test."""

from collections.abc import Iterator

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


@pytest.fixture(scope="session")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    """Embedded servers with a migrated database, which no test writes to: each gets a copy."""
    with servers(tmp_path_factory.mktemp("state"), durable=False) as layout:
        migrate(layout.database_url(OWNER))
        yield layout


def superuser(layout: Layout) -> psycopg.Connection:
    url = layout.database_url(SUPERUSER, "postgres").replace("+psycopg", "")
    return psycopg.connect(url, autocommit=True)


@pytest.fixture(scope="session")
def service(layout: Layout) -> Iterator[Flask]:
    """The application, built once; its database `test` is replaced before each test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROVISIONER_STATE_DIR", str(layout.state_dir))
        patch.setenv("PROVISIONER_DATABASE_URL", layout.database_url("provisioner_app", "test"))
        config.settings.cache_clear()
        yield create_app()
    config.settings.cache_clear()


@pytest.fixture
def app(service: Flask, layout: Layout) -> Iterator[Flask]:
    """The application on a fresh copy of the migrated database, inside its context, acting as the tests."""
    with superuser(layout) as connection:
        connection.execute("DROP DATABASE IF EXISTS test WITH (FORCE)")
        connection.execute(f"CREATE DATABASE test TEMPLATE {DATABASE} STRATEGY file_copy OWNER {OWNER}")
    with service.app_context(), acting(Actor(Via.CLI, on_behalf_of="tests")):
        yield service
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
