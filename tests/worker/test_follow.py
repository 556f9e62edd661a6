"""What a worker makes of what a run says. The run is a script of messages; the database is real."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from provisioner import config
from provisioner.db import transaction
from provisioner.instances import service as instances
from provisioner.instances.variables import RunOrder
from provisioner.jobs import attempts, events
from provisioner.jobs.attempts import Beat, Claim, Outcome
from provisioner.jobs.events import Cursor
from provisioner.jobs.lifecycle import End
from tests import factories
from worker import follow
from worker.follow import Follower, Lost

INSTANCE = "abc"
SECRET = "sup3rsecretvalue"
SUCCESS = {"end": "successful", "unreachable": False}


class Script:
    """Says what it is told to, one chunk at a time. Once it is killed nobody may prove anything to it."""

    def __init__(self, *chunks: list[dict[str, Any]], gave_up: bool = False) -> None:
        self.gave_up = gave_up
        self._chunks = list(chunks)
        self._killed = False
        self.proofs: list[float] = []

    def messages(self, _timeout: float) -> Iterator[dict[str, Any]] | None:
        return iter(self._chunks.pop(0)) if self._chunks else None

    def prove(self, asked: float) -> None:
        assert not self._killed
        self.proofs.append(asked)

    def kill(self) -> None:
        self._killed = True


def said(counter: int, host: str = INSTANCE, **result: Any) -> dict[str, Any]:
    texts = dict.fromkeys(("stdout", "play", "role", "task"), "")
    return {"counter": counter, "kind": "runner_on_ok", "host": host, "changed": False, "result": result, **texts}


def followed(claim: Claim, *chunks: list[dict[str, Any]]) -> Outcome:
    order = RunOrder("", "", servers={}, instances={INSTANCE: {}}, secrets=(SECRET,), changed=False)
    return Follower(claim, Script(*chunks), order, 40, time.monotonic()).follow()


@pytest.fixture
def at_every_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat is always due."""
    monkeypatch.setattr(follow, "settings", lambda: replace(config.settings(), heartbeat=0))


def test_a_run_that_never_reached_the_instance_has_not_succeeded(claim: Claim) -> None:
    outcome = followed(claim, [said(1, host="local"), SUCCESS])

    assert (outcome.end, outcome.touched) == (End.BROKEN, False)


def test_a_run_that_ends_without_a_word_is_broken(claim: Claim) -> None:
    assert followed(claim, [said(1)]).end is End.BROKEN


@pytest.mark.usefixtures("at_every_turn")
def test_a_run_that_has_ended_is_kept_although_a_heartbeat_falls_due(claim: Claim) -> None:
    outcome = followed(claim, [said(1), SUCCESS])

    assert outcome.end is End.SUCCEEDED
    assert len(events.after(claim.job_id, Cursor())) == 1


@pytest.mark.usefixtures("at_every_turn")
def test_what_was_said_before_a_run_was_killed_still_counts(claim: Claim) -> None:
    with transaction():
        instances.cancel(claim.job_id, "test")

    outcome = followed(claim, [said(1, host="local")], [said(2)])

    assert (outcome.end, outcome.touched, outcome.events_emitted) == (End.CANCELLED, True, 2)


def test_a_run_that_ended_itself_for_want_of_proof_is_left_to_the_reaper(claim: Claim) -> None:
    order = RunOrder("", "", servers={}, instances={INSTANCE: {}}, secrets=(), changed=False)

    with pytest.raises(Lost):
        Follower(claim, Script([said(1)], gave_up=True), order, 40, time.monotonic()).follow()


@pytest.mark.usefixtures("at_every_turn")
def test_a_proof_is_as_old_as_the_question_that_the_database_answered(
    claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, answered = Script([said(1)], [SUCCESS]), []

    def slow(held: Claim) -> Beat:
        answered.append(time.monotonic())
        return heartbeat(held)

    heartbeat = attempts.heartbeat
    monkeypatch.setattr(attempts, "heartbeat", slow)
    order = RunOrder("", "", servers={}, instances={INSTANCE: {}}, secrets=(), changed=False)
    Follower(claim, script, order, 40, time.monotonic()).follow()

    assert script.proofs
    assert all(proof <= at for proof, at in zip(script.proofs, answered, strict=False))


def test_a_report_is_cleaned_like_any_event(claim: Claim) -> None:
    outcome = followed(claim, [said(1, prov_report={"cause": f"a\0b {SECRET}"}), SUCCESS])

    assert outcome.report == {"cause": "ab ********"}


@pytest.mark.parametrize("report", ["text", ["list"], 7])
def test_a_report_that_is_none_is_no_reason_to_stop(claim: Claim, report: Any) -> None:
    assert followed(claim, [said(1, prov_report=report), SUCCESS]).report == {}


@pytest.mark.parametrize("odd", ["caf\udce9", 2**70, float("1e300"), [[[["deep"]]]], "\x1b[31mred\0"])
def test_odd_results_are_stored(claim: Claim, odd: Any) -> None:
    followed(claim, [said(1, msg=odd), SUCCESS])

    assert len(events.after(claim.job_id, Cursor())) == 1


def test_an_outcome_is_concluded_as_it_was_followed(claim: Claim) -> None:
    outcome = followed(claim, [said(1, prov_report={"health": "healthy", "active_version": "2.0"}), SUCCESS])

    with transaction():
        instances.conclude(claim, outcome)

    job = factories.job(claim.job_id)
    assert (job.state, job.events_emitted, job.events_stored) == ("succeeded", 1, 1)
