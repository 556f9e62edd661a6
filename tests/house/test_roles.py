"""The application's role in the database can do its work and nothing that would hide it."""

from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask
from psycopg.errors import InsufficientPrivilege

from provisioner.embedded.layout import APPLICATION, OWNER, Layout

POWERS = "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication FROM pg_roles WHERE rolname = %s"

WAYS_ROUND = (
    "CREATE TABLE public.mine (id int)",
    "CREATE SCHEMA mine",
    "ALTER TABLE instance DISABLE TRIGGER audit",
    "ALTER TABLE audit_event DISABLE TRIGGER refuse",
    "DROP TRIGGER history ON instance",
    "SET session_replication_role = replica",
    "TRUNCATE job",
    "DROP TABLE job",
    "DROP TABLE job_event",
    "SELECT job_event_provide_month('2030-01-01')",
    "CREATE OR REPLACE FUNCTION audit_change_of_job() RETURNS trigger LANGUAGE sql AS ''",
)


@pytest.fixture
def application(app: Flask, layout: Layout) -> Iterator[psycopg.Connection]:
    url = layout.database_url(APPLICATION, "test").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("role", [APPLICATION, OWNER])
def test_neither_role_has_power_over_the_server(application: psycopg.Connection, role: str):
    assert application.execute(POWERS, [role]).fetchone() == (False,) * 5


def test_the_application_is_not_the_owner_in_disguise(application: psycopg.Connection):
    answer = application.execute("SELECT pg_has_role(current_user, %s, 'member')", [OWNER]).fetchone()

    assert answer == (False,)


def test_the_application_cannot_get_round_the_rules_of_the_database(application: psycopg.Connection):
    for statement in WAYS_ROUND:
        with pytest.raises(InsufficientPrivilege):
            application.execute(statement)
