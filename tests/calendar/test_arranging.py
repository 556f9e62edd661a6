"""What a schedule may be, and what the audit keeps of it."""

from datetime import time

import pytest
from flask import Flask
from sqlalchemy import select

from provisioner.audit.models import AuditEvent
from provisioner.calendar import service
from provisioner.calendar.lifecycle import Window
from provisioner.calendar.service import Arrangement
from provisioner.db import db, transaction
from provisioner.errors import Invalid
from provisioner.instances.lifecycle import Action

CHECKS = Window(time(1), time(5))


def arranged(window: Window) -> None:
    with transaction():
        service.arrange(Arrangement(Action.CHECK, window, "Nightly check"))


@pytest.mark.parametrize(
    ("action", "window"),
    [(Action.UPDATE, CHECKS), (Action.CHECK, Window(time(8), time(7))), (Action.CHECK, Window(time(1), time(1)))],
    ids=["what changes instances", "a window of 23 hours", "a window of no time"],
)
def test_a_schedule_that_makes_no_sense_is_refused(app: Flask, action: Action, window: Window) -> None:
    with pytest.raises(Invalid), transaction():
        service.arrange(Arrangement(action, window, "test"))


def test_a_schedule_is_audited_with_what_was_and_what_is(app: Flask) -> None:
    arranged(CHECKS)
    arranged(Window(time(2), time(4), frozenset({1})))

    events = db.session.scalars(
        select(AuditEvent).where(AuditEvent.action == "schedule.arrange").order_by(AuditEvent.id)
    )
    before, after = [(event.before, event.after) for event in events][1]
    assert (before["opens"], after["opens"], after["days"]) == ("01:00", "02:00", [1])
