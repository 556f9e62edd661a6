"""One run carries out many jobs: what happens to one of them, or to its worker, is not the matter of the others."""

import json
import os
import signal
from typing import Any

import pytest

from tests.chaos.asking import ask, attempts, lines, state
from tests.chaos.estate import Estate
from tests.chaos.traces import Attempt
from tests.running import processes, wait_for

pytestmark = pytest.mark.journey
FORKS = 2  # half of the slots that the host has
SETTLED = {"resolution": "failed", "reason": "test"}


def sleepers(estate: Estate, many: int = 4, seconds: int = 5) -> list[str]:
    """Instances whose next actions take so long."""
    jobs = [ask(estate, 0, release="1.0") for _ in range(many)]
    for job in jobs:
        assert estate.ended(job["id"], 240)["state"] == "succeeded"
    instances = [job["instance_id"] for job in jobs]
    for instance in instances:
        change(estate, instance, seconds=seconds)
    return instances


def change(estate: Estate, instance: str, **settings: Any) -> None:
    """How its next actions go."""
    estate.sql("UPDATE instance SET settings = settings || %s WHERE id = %s", json.dumps(settings), instance)


def at_once(estate: Estate, action: str, instances: list[str]) -> list[Any]:
    """The jobs of a request for all of them, in the order in which they have their turn."""
    wish = {"app": "sleeper", "action": action, "instances": instances, "reason": "test"}
    made = estate.post("/instances/actions", wish)
    jobs = estate.get(f"/jobs?request_id={made['request_id']}&page_size=200")["items"]
    assert len(jobs) == len(instances)
    return sorted(jobs, key=lambda job: (job["queued_at"], job["id"]))


def done(estate: Estate, job: Any) -> list[Attempt]:
    """What the attempts of this job did."""
    return [attempt for attempt in attempts(estate, job) if attempt.job == job["id"]]


def acting(estate: Estate, jobs: list[Any]) -> list[Any]:
    """Those of them that are in the middle of their task; waits until there are as many as may be."""

    def there() -> list[Any] | None:
        found = [job for job in jobs if any(line.word == "act" for line in lines(estate, job) if line.job == job["id"])]
        return found if len(found) == FORKS else None

    return list(wait_for("some to act", there, 120))


def together(estate: Estate, jobs: list[Any]) -> bool:
    """Whether a run carried out several of them. Two claimers at the same moment may have divided them."""
    runs = estate.sql("SELECT DISTINCT run_id FROM job WHERE id = ANY (%s)", [job["id"] for job in jobs])
    return len(runs) < len(jobs)


def end(estate: Estate, job: Any) -> tuple[str, str | None, int]:
    ended = estate.ended(job["id"], 180)
    return ended["state"], ended["cause"], ended["attempt"]


def settle(estate: Estate, job: Any) -> None:
    if state(estate, job) == "needs_attention":
        estate.post(f"/jobs/{job['id']}/resolve", SETTLED)


@pytest.mark.parametrize(("action", "left"), [("check", "cancelled"), ("update", "needs_attention")])
def test_jobs_of_a_run_are_cancelled_one_by_one(estate: Estate, action: str, left: str) -> None:
    jobs = at_once(estate, action, sleepers(estate, seconds=10))
    hit, neighbour = acting(estate, jobs)
    waiting, last = [job for job in jobs if job not in (hit, neighbour)]

    for job in (waiting, hit):
        estate.post(f"/jobs/{job['id']}/cancel", {"reason": "test"})

    assert end(estate, hit) == (left, "cancelled", 1)
    assert processes("traces.py", hit["id"]) == []
    assert end(estate, waiting) == ("cancelled", "cancelled", 1)
    assert [end(estate, job) for job in (neighbour, last)] == [("succeeded", None, 1)] * 2
    assert not done(estate, hit)[-1].whole
    assert done(estate, waiting) == []
    assert all(len(done(estate, job)) == 1 for job in (hit, neighbour, last))
    assert together(estate, jobs)
    settle(estate, hit)


@pytest.mark.parametrize(("action", "lost"), [("check", "succeeded"), ("update", "needs_attention")])
def test_of_a_killed_worker_only_what_had_begun_is_repeated_or_left_to_a_person(
    estate: Estate, action: str, lost: str
) -> None:
    jobs = at_once(estate, action, sleepers(estate, seconds=4))
    begun = acting(estate, jobs)
    ((owner,),) = estate.sql("SELECT DISTINCT owner FROM job WHERE id = ANY (%s)", [job["id"] for job in jobs])

    os.kill(int(owner.partition(":")[2]), signal.SIGKILL)

    assert [end(estate, job)[0] for job in begun] == [lost] * FORKS
    for job in jobs:
        if job not in begun:
            assert end(estate, job) == ("succeeded", None, 2)
            assert [attempt.number for attempt in done(estate, job)] == [2]
    expected = [False, True] if action == "check" else [False]
    assert all([attempt.whole for attempt in done(estate, job)] == expected for job in begun)
    for job in begun:
        settle(estate, job)


def test_one_that_fails_and_one_that_dies_do_not_hinder_their_neighbours(estate: Estate) -> None:
    failing, dying, *well = sleepers(estate, seconds=1)
    change(estate, failing, mood="fails")
    change(estate, dying, mood="dies")

    jobs = {job["instance_id"]: job for job in at_once(estate, "check", [failing, dying, *well])}

    for instance in (failing, dying):
        assert end(estate, jobs[instance]) == ("failed", "playbook_failed", 1)
    assert [end(estate, jobs[instance]) for instance in well] == [("succeeded", None, 1)] * 2
    assert together(estate, list(jobs.values()))


def test_a_person_overtakes_a_run_of_checks_and_the_other_checks_go_on(estate: Estate) -> None:
    checks = at_once(estate, "check", sleepers(estate, seconds=20))
    overtaken, *others = acting(estate, checks)
    others += [job for job in checks if job not in (overtaken, *others)]

    update = estate.post(f"/instances/{overtaken['instance_id']}/update", {"release": "2.0", "reason": "test"})

    wait_for("the update to act", lambda: done(estate, update), 60)
    assert state(estate, others[0]) == "running"
    assert end(estate, overtaken) == ("cancelled", "gave_way", 1)
    assert [end(estate, job) for job in (update, *others)] == [("succeeded", None, 1)] * 4
    assert together(estate, checks)
