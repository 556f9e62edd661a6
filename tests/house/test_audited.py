"""Nothing that is audited escapes the audit, and nothing in the audit is ever changed."""

from collections.abc import Callable
from itertools import product

import psycopg
import pytest
from flask import Flask
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import text

from provisioner.audit.models import AuditEvent
from provisioner.db import Base, db, transaction
from provisioner.embedded.layout import APPLICATION, OWNER, SUPERUSER, Layout
from provisioner.instances.lifecycle import Action
from provisioner.jobs.lifecycle import End
from tests import factories

TABLES = ("audit_event", "audit_change")
CHANGES = ("UPDATE {} SET at = now()", "DELETE FROM {}", "TRUNCATE {}")
TRIGGERS = """
    SELECT c.relname, string_to_array(encode(t.tgargs, 'escape'), '\\000')
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname = 'audit'
"""
Connect = Callable[[str], psycopg.Connection]


@pytest.fixture
def connect(app: Flask, layout: Layout) -> Connect:
    """A connection to the test's database past the service, as the given role."""
    return lambda role: psycopg.connect(layout.database_url(role, "test").replace("+psycopg", ""), autocommit=True)


def unattributed() -> list[tuple[str, str, str]]:
    db.session.rollback()
    rows = db.session.execute(text("SELECT table_name, operation, database_role FROM audit_unattributed ORDER BY id"))
    return [tuple(row) for row in rows]


def test_each_table_keeps_the_changes_of_the_columns_that_its_model_declares(connect: Connect):
    declared = {
        mapper.local_table.name: list(mapper.class_.__audited__)
        for mapper in Base.registry.mappers
        if mapper.class_.__audited__
    }
    with connect(OWNER) as connection:
        # The first argument is the key, each is followed by a NUL.
        kept = {table: arguments[1:-1] for table, arguments in connection.execute(TRIGGERS)}

    assert declared
    assert kept == declared


@pytest.mark.parametrize("role", [APPLICATION, OWNER, SUPERUSER])
def test_nobody_changes_what_the_audit_says(connect: Connect, role: str):
    with connect(role) as connection:
        for table, change in product(TABLES, CHANGES):
            with pytest.raises(InsufficientPrivilege):
                connection.execute(change.format(table))


def test_a_change_through_the_service_is_explained_by_its_event(app: Flask):
    administration = factories.administration()

    changes = db.session.execute(
        text(
            "SELECT c.table_name, e.action, e.on_behalf_of"
            " FROM audit_change c JOIN audit_event e USING (transaction_id) WHERE c.row_id = :id"
        ),
        {"id": str(administration.id)},
    ).all()

    assert ("administration", "administration.register", "tests") in [tuple(row) for row in changes]
    assert unattributed() == []


def test_every_step_of_a_job_is_explained_by_its_event(app: Flask):
    factories.app()
    factories.host()
    entered = unattributed()  # the app of the tests comes past the catalogue's service
    instance = factories.instance(factories.administration(), release="1.0")

    factories.asked_to(Action.UPDATE, instance.id)
    factories.carried_out(End.FAILED)

    assert unattributed() == entered


@pytest.mark.parametrize("role", [APPLICATION, OWNER, SUPERUSER])
def test_a_change_by_plain_sql_is_kept_with_the_role_that_made_it(connect: Connect, role: str):
    administration = factories.administration()

    with connect(role) as connection:
        connection.execute("UPDATE administration SET closed_at = now() WHERE id = %s", [administration.id])

    assert unattributed() == [("administration", "UPDATE", role)]


def test_a_change_says_what_was_and_what_is_of_the_columns_that_changed(connect: Connect):
    with connect(APPLICATION) as connection:
        connection.execute("INSERT INTO drain (scope, name, reason) VALUES ('site', 'it''s \"here\"', 'repairs')")
        connection.execute("UPDATE drain SET reason = 'more repairs'")
        connection.execute("DELETE FROM drain")
        kept = connection.execute("SELECT row_id, operation, before, after FROM audit_change ORDER BY id").fetchall()

    name = 'it\'s "here"'
    assert kept == [
        (name, "INSERT", None, {"scope": "site", "name": name, "reason": "repairs"}),
        (name, "UPDATE", {"reason": "repairs"}, {"reason": "more repairs"}),
        (name, "DELETE", {"scope": "site", "name": name, "reason": "more repairs"}, None),
    ]


def test_a_change_of_what_is_not_audited_leaves_no_trace(connect: Connect):
    factories.host()

    with connect(APPLICATION) as connection:
        connection.execute("UPDATE host SET name = name")

    assert unattributed() == []


def test_what_is_undone_leaves_neither_event_nor_change(app: Flask):
    with transaction(dry_run=True) as session:
        session.add(AuditEvent(via="cli", action="x", object_type="x", object_id="x", outcome="done"))
        session.execute(text("INSERT INTO account (id) VALUES (gen_random_uuid())"))
        assert session.scalar(text("SELECT count(*) FROM audit_change")) == 1

    kept = text("SELECT (SELECT count(*) FROM audit_event), (SELECT count(*) FROM audit_change)")
    assert tuple(db.session.execute(kept).one()) == (0, 0)
