"""What a worker makes of what a run says. The run is a script of messages; the database is real."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import OperationalError

from provisioner.db import transaction
from provisioner.instances import service as instances
from provisioner.jobs import attempts, events
from provisioner.jobs.attempts import Beat, Claim
from provisioner.jobs.events import Cursor
from provisioner.jobs.lifecycle import End
from tests import factories
from tests.worker.script import INSTANCE, SECRET, SUCCESS, Script, began, followed, follower, only, said
from worker import follow
from worker.follow import Lost

SILENT = {"end": "failed", "looked": True, "failed": [], "unreachable": [INSTANCE]}


def test_a_run_that_never_reached_the_instance_has_not_succeeded(claim: Claim) -> None:
    outcome = followed(claim, [said("local"), SUCCESS])

    assert (outcome.end, outcome.touched) == (End.BROKEN, False)


def test_a_run_that_ends_without_a_word_is_broken(claim: Claim) -> None:
    assert followed(claim, [said()]).end is End.BROKEN


@pytest.mark.usefixtures("at_every_turn")
def test_a_run_that_has_ended_is_kept_although_a_heartbeat_falls_due(claim: Claim) -> None:
    outcome = followed(claim, [said(), SUCCESS])

    assert outcome.end is End.SUCCEEDED
    assert len(events.after(claim.job_id, Cursor())) == 1


@pytest.mark.usefixtures("at_every_turn")
def test_what_was_said_before_a_run_was_killed_still_counts(claim: Claim) -> None:
    with transaction():
        instances.cancel(claim.job_id, "test")

    outcome = followed(claim, [said("local")], [said()])

    assert (outcome.end, outcome.touched, outcome.events_emitted) == (End.CANCELLED, True, 2)


def test_a_run_that_took_too_much_memory_ends_with_that_cause(claim: Claim) -> None:
    outcome = only(follower(claim, Script([said()], out_of_memory=True)))

    assert outcome.end is End.OUT_OF_MEMORY


def test_a_run_that_ansible_could_not_begin_says_why(claim: Claim) -> None:
    outcome = followed(claim, [{"end": "error", "reason": "No space left on device"}])

    assert (outcome.end, outcome.touched) == (End.BROKEN, False)
    assert outcome.report == {"reason": "No space left on device"}


@pytest.mark.parametrize(
    ("words", "end"),
    [
        ("ssh: connect to host x port 22: Connection refused", End.UNREACHABLE),
        ("Host key verification failed.", End.NOT_ADMITTED),
    ],
)
def test_a_host_that_is_there_but_does_not_let_us_in_is_told_from_one_that_is_not(
    claim: Claim, words: str, end: End
) -> None:
    refused = said(msg=words) | {"kind": "runner_on_unreachable"}

    outcome = followed(claim, [began("Copy"), refused, SILENT])

    assert (outcome.end, outcome.touched) == (end, False)


def test_a_run_that_ended_itself_for_want_of_proof_is_left_to_the_reaper(claim: Claim) -> None:
    with pytest.raises(Lost):
        only(follower(claim, Script([said()], gave_up=True)))


@pytest.mark.usefixtures("at_every_turn")
def test_a_proof_is_as_old_as_the_question_that_the_database_answered(
    claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, answered = Script([said()], [SUCCESS]), []

    def slow(held: list[Claim]) -> dict[UUID, Beat]:
        answered.append(time.monotonic())
        return heartbeat(held)

    heartbeat = attempts.heartbeat
    monkeypatch.setattr(attempts, "heartbeat", slow)
    only(follower(claim, script))

    assert script.proofs
    assert all(proof <= at for proof, at in zip(script.proofs, answered, strict=False))


def test_a_number_that_not_every_reader_of_json_can_hold_becomes_text(claim: Claim) -> None:
    common, odd = [2**63 - 1, 1e300, True], [2**70, 10**400, float("inf")]

    outcome = followed(claim, [said(prov_report={"erased": common + odd}), SUCCESS])

    assert outcome.report == {"erased": [*common, str(2**70), str(10**400), "inf"]}


def test_a_report_is_cleaned_like_any_event(claim: Claim) -> None:
    outcome = followed(claim, [said(prov_report={"cause": f"a\0b {SECRET}"}), SUCCESS])

    assert outcome.report == {"cause": "ab ********"}


@pytest.mark.parametrize("report", ["text", ["list"], 7])
def test_a_report_that_is_none_is_no_reason_to_stop(claim: Claim, report: Any) -> None:
    assert followed(claim, [said(prov_report=report), SUCCESS]).report == {}


@pytest.mark.parametrize(
    "odd", ["caf\udce9", 2**70, float("1e300"), float("nan"), float("-inf"), [[[["deep"]]]], "\x1b[31mred\0"]
)
def test_odd_results_are_stored(claim: Claim, odd: Any) -> None:
    followed(claim, [said(msg=odd), SUCCESS])

    assert len(events.after(claim.job_id, Cursor())) == 1


def test_an_outcome_is_concluded_as_it_was_followed(claim: Claim) -> None:
    outcome = followed(claim, [said(prov_report={"health": "healthy", "active_version": "2.0"}), SUCCESS])

    with transaction():
        instances.conclude({claim: outcome})

    job = factories.job(claim.job_id)
    assert (job.state, job.events_emitted, job.events_stored) == ("succeeded", 1, 1)


class Flood(Script):
    """Says five hundred things whenever it is asked, and keeps count of that."""

    asked = 0

    def messages(self, _timeout: float) -> Iterator[dict[str, Any]] | None:
        self.asked += 1
        if self.asked > 20:
            return super().messages(_timeout)
        return iter([said() for _ in range(follow.FLUSH_AT)])


def test_while_the_database_is_away_a_run_is_not_listened_to(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    flood = Flood([SUCCESS])
    keep = events.store
    heard_while_away: list[int] = []

    def away(*given: Any) -> None:
        heard_while_away.append(flood.asked)
        if len(heard_while_away) < 5:
            raise OperationalError("away", None, Exception())
        keep(*given)

    monkeypatch.setattr(follow.events, "store", away)

    outcome = only(follower(claim, flood))

    assert heard_while_away[:5] == [1, 1, 1, 1, 1]
    assert (outcome.end, outcome.events_emitted) == (End.SUCCEEDED, 20 * follow.FLUSH_AT)
    assert factories.job(claim.job_id).events_stored == 20 * follow.FLUSH_AT


def test_a_run_that_ended_while_the_database_was_away_too_long_is_left_to_the_reaper(
    claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("away", None, Exception())

    monkeypatch.setattr(follow.events, "store", away)

    with pytest.raises(Lost):
        only(follower(claim, Flood(), patience=0.5))
