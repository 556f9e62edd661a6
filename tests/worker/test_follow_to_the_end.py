"""Runs that are stopped, or whose end comes at a bad time: what a worker makes of them. The database is real."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from provisioner.db import transaction
from provisioner.instances import service as instances
from provisioner.jobs import events
from provisioner.jobs.attempts import Claim, Fenced
from provisioner.jobs.lifecycle import End
from tests.worker.script import (
    INSTANCE,
    SECRET,
    SUCCESS,
    Script,
    began,
    begin,
    cancelled,
    followed,
    follower,
    only,
    said,
)
from worker import follow
from worker.run import Stopped


def test_a_cancel_is_heard_between_heartbeats_and_says_what_was_stopped(
    claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "LOOK", 0)
    killed = Stopped([("sh", f"sh -c {SECRET}\0\x1b[31m"), ("cat", "cat " + "x" * 1000)], left=0, seconds=0.26)

    outcome = cancelled(claim, [said()], [began(f"Copy {SECRET}")], stopped=killed)

    assert outcome.end is End.CANCELLED
    shell, cat = outcome.stopped["processes"]
    assert shell == {"name": "sh", "command": "sh -c ********"}
    assert (len(cat["command"]), cat["command"][-1]) == (201, "…")
    assert outcome.stopped["tasks"] == {INSTANCE: "Copy ********"}
    assert (outcome.stopped["count"], outcome.stopped["left"], outcome.stopped["seconds"]) == (2, 0, 0.3)


@pytest.mark.usefixtures("at_every_turn")
@pytest.mark.parametrize("begun", [False, True])
def test_who_is_stopped_after_its_turn_has_come_may_be_half_done_whatever_was_told(claim: Claim, begun: bool) -> None:
    class Cancelled(Script):
        """Somebody cancels the job when its turn has come."""

        def admit(self, names: list[str]) -> None:
            with transaction():
                instances.cancel(claim.job_id, "test")

    outcome = only(follower(claim, Cancelled([begin()] if begun else [], [said("local")], [said("local")])))

    assert outcome.touched is begun


def test_a_run_beyond_its_deadline_is_stopped_like_one_that_is_cancelled(
    claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "LOOK", 0)
    with transaction() as session:
        session.execute(text("UPDATE job SET deadline = clock_timestamp() - interval '1 second'"))

    outcome = followed(claim, [said()], [said()])

    assert (outcome.end, outcome.stopped["left"]) == (End.DEADLINE, 0)


def test_an_attempt_that_was_overtaken_learns_of_it_between_heartbeats(
    claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "LOOK", 0)
    with transaction() as session:
        session.execute(text("UPDATE job SET fence = fence + 1"))

    with pytest.raises(Fenced):
        followed(claim, [said()], [SUCCESS])


def test_a_success_that_was_told_before_the_run_was_stopped_is_one(
    claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "LOOK", 0)

    outcome = cancelled(claim, [said()], [said(), SUCCESS], stopped=Stopped([], left=0, seconds=0.1))

    assert outcome.end is End.SUCCEEDED


def test_how_a_run_ended_is_told_although_its_last_words_cannot_be_kept(
    claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OperationalError("COPY", None, Exception("No space left on device"))

    monkeypatch.setattr(events, "store", refuse)
    monkeypatch.setattr(follow, "LAST_WORDS", 0.3)

    outcome = followed(claim, [said(), SUCCESS])

    assert (outcome.end, outcome.events_emitted) == (End.SUCCEEDED, 1)
