"""What the database does with those who hold it up."""

import time

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from provisioner.db import db, transaction


def test_who_falls_asleep_in_a_transaction_keeps_its_locks_for_half_a_minute_at_most(app: Flask) -> None:
    assert db.session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "30s"


def test_a_transaction_that_was_ended_for_its_sleep_finds_the_database_away(app: Flask) -> None:
    db.session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '50ms'"))
    time.sleep(0.5)

    with pytest.raises(OperationalError), transaction() as session:
        session.execute(text("SELECT 1"))

    assert db.session.scalar(text("SELECT 1")) == 1
