"""Ringing goes on, whatever becomes of the database."""

from flask import Flask
from sqlalchemy import text

from provisioner.db import db
from provisioner.embedded.layout import Layout
from tests.conftest import superuser
from tests.running import wait_for
from worker.ringer import Ringer


def test_a_connection_that_breaks_before_its_end_does_not_end_the_ringing(app: Flask, layout: Layout) -> None:
    rung: list[int] = []

    def ring() -> None:
        rung.append(db.session.scalar(text("SELECT pg_backend_pid()")) or 0)
        if len(rung) == 1:
            with superuser(layout) as connection:
                connection.execute("SELECT pg_terminate_backend(%s, 5000)", rung)

    ringer = Ringer(app, ring)
    ringer.start()

    ringer.wanted.set()
    wait_for("the first bell", lambda: rung and not ringer.wanted.is_set())
    wait_for("another bell", lambda: ringer.wanted.set() or len(rung) > 1, 10)
    assert ringer.is_alive()
