"""Times are Morocco's, whatever the machine knows of its clock."""

import pytest
from flask import Flask

from provisioner.listing import Moment
from provisioner.presentation import format_moment


@pytest.mark.parametrize("day", ["2026-07-24", "2026-11-24"])  # on either side of a change that was decided late
def test_a_day_that_is_asked_for_ends_when_pages_say_that_it_ends(app: Flask, day: str):
    with app.test_request_context(headers={"Cookie": "language=en"}):
        shown = format_moment(Moment().deserialize(day))

    assert "24 " in shown
    assert "23:59" in shown
