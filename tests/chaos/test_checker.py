"""The checker finds each sin that the torture looks for. A checker that is never angry proves nothing."""

from collections.abc import Sequence

import pytest

from tests.chaos.checker import Act, Job, Place, Told, Verdict, judge
from tests.chaos.traces import parsed

FIRST = ["1 job provision 1 start 1.0", "1 job provision 1 act 1.1", "1 job provision 1 end 1.2"]
CUT = FIRST[:2]
SECOND = ["2 job provision 2 start 2.0", "2 job provision 2 end 2.1"]
ONCE = [("job.submit", "done"), ("job.claim", "running"), ("job.conclude", "succeeded")]
AGAIN = [("job.claim", "running"), ("job.reap", "quiescing"), ("job.reap", "queued"), ("job.claim", "running")]
TWICE = [*AGAIN, ("job.conclude", "succeeded")]
ASKED = [("job.claim", "running"), ("job.conclude", "needs_attention"), ("job.resolve", "queued"), *ONCE[1:]]


UNTOUCHED = [("job.claim", "running"), ("job.conclude", "queued", "not_begun"), *ONCE[1:]]


def judged(lines: list[str], story: Sequence[tuple[str, ...]], state: str = "succeeded", **more: object) -> Verdict:
    acts = [Act(*act) for act in story]
    job = Job("job", state, **({"cause": None, "retry_safe": True, "story": acts} | more))
    return judge({"job": job}, {"instance": [parsed(line) for line in lines]}, Told(frozenset({"job"})))


@pytest.mark.parametrize(
    "verdict",
    [
        judged(FIRST, ONCE),
        judged(CUT + SECOND, TWICE),
        judged(FIRST + SECOND, TWICE),  # its worker was lost after the end and before the conclusion
        judged(CUT + SECOND, ASKED, retry_safe=False),
        judged([], [], "failed", cause="resolved"),
        judged(SECOND, UNTOUCHED, retry_safe=False),
        judged([], ONCE, unchanged=True),
    ],
)
def test_what_may_happen_is_no_sin(verdict: Verdict) -> None:
    assert verdict.sins == []


@pytest.mark.parametrize("lines", [[], CUT, FIRST + SECOND[:1]])
def test_a_success_without_a_whole_attempt_is_lost(lines: list[str]) -> None:
    assert judged(lines, TWICE).lost


def test_a_promise_that_was_forgotten_is_lost() -> None:
    assert judge({}, {}, Told(frozenset({"job"}))).lost


def test_a_cancel_that_nobody_wanted_is_lost() -> None:
    assert judged([], [], "cancelled", cause="cancelled").lost


def test_a_second_attempt_after_a_success_is_doubled() -> None:
    assert judged(FIRST + SECOND, [*ONCE, *ONCE[1:]]).doubled
    assert judged(FIRST + SECOND, [*ONCE, ("job.claim", "running")]).doubled


def test_a_second_attempt_of_what_may_not_be_repeated_is_doubled() -> None:
    assert judged(CUT + SECOND, TWICE, retry_safe=False).doubled


def test_who_was_put_back_before_its_turn_must_not_have_acted() -> None:
    assert judged(CUT + SECOND, UNTOUCHED).doubled


def test_more_at_once_than_there_are_slots_are_a_crowd() -> None:
    instances = {name: [parsed(line) for line in FIRST] for name in ("one", "two", "three")}

    def crowds(slots: int) -> list[str]:
        place = Place("the host", slots, frozenset(instances))
        return judge({}, instances, Told(frozenset()), [place]).crowds

    assert crowds(2)
    assert not crowds(3)


def test_two_playbooks_under_one_claim_are_doubled() -> None:
    assert judged(FIRST + FIRST, ONCE).doubled


def test_a_job_that_nobody_asked_for_is_doubled() -> None:
    job = Job("job", "succeeded", None, retry_safe=True, story=ONCE)
    assert judge({"job": job}, {}, Told(frozenset())).doubled


def test_a_late_line_of_an_older_attempt_is_an_overlap() -> None:
    assert judged([*CUT, *SECOND, "1 job provision 1 act 2.2"], TWICE).overlaps


def test_an_attempt_that_found_another_acting_is_an_overlap() -> None:
    assert judged([*CUT, "2 job provision 2 overlap 1.9", *SECOND], TWICE).overlaps


def test_a_job_without_an_end_is_stuck() -> None:
    assert judged([], [], "queued").stuck
