"""PostgreSQL and Valkey forget, hang, die and come back."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import redis

from tests.chaos.asking import acting, ask, attempts, wish
from tests.chaos.estate import Estate
from tests.running import wait_for

pytestmark = pytest.mark.journey
BACK = 20  # seconds after Valkey's return within which jobs start again
AWAY = 8  # seconds: longer than the programs wait for an answer of Valkey's
PROMPT = 0.3  # seconds
MOST_TRIES = 10  # until one is answered that promptly: the machine may be busy with something else


def test_jobs_queued_when_valkey_forgets_everything_all_run(estate: Estate) -> None:
    jobs = [ask(estate) for _ in range(5)]

    with redis.Redis.from_url(estate.layout.redis_url()) as valkey:
        valkey.flushall()

    assert [estate.ended(job["id"])["state"] for job in jobs] == ["succeeded"] * 5
    assert [len(attempts(estate, job)) for job in jobs] == [1] * 5


@contextmanager
def down(estate: Estate) -> Iterator[None]:
    with estate.without("valkey"):
        estate.kill("valkey")
        yield


@contextmanager
def hung(estate: Estate) -> Iterator[None]:
    estate.kill("valkey", number=signal.SIGSTOP)
    try:
        yield
    finally:
        estate.kill("valkey", number=signal.SIGCONT)


@pytest.mark.parametrize("away", [down, hung])
def test_while_valkey_is_away_requests_are_accepted_at_once_and_begin_soon_after_its_return(
    estate: Estate, away: Callable[[Estate], AbstractContextManager[None]]
) -> None:
    wishes = [wish(estate) for _ in range(MOST_TRIES)]
    jobs, prompt = [], False
    with away(estate):
        time.sleep(1)
        while not prompt or len(jobs) < 3:
            began = time.monotonic()
            jobs.append(estate.post("/requests", wishes.pop()))
            prompt = time.monotonic() - began < PROMPT
        time.sleep(AWAY)

    wait_for("the first of them to begin", lambda: any(acting(estate, job) for job in jobs), BACK)
    assert [estate.ended(job["id"])["state"] for job in jobs] == ["succeeded"] * len(jobs)
    assert [len(attempts(estate, job)) for job in jobs] == [1] * len(jobs)


def test_while_postgresql_restarts_people_are_told_when_to_come_back_and_nothing_is_lost(estate: Estate) -> None:
    running, waiting = ask(estate, seconds=5), wish(estate)
    wait_for("the playbook to act", lambda: acting(estate, running))
    with estate.without("postgres"):
        estate.kill("postgres", number=signal.SIGQUIT)
        wait_for("it to be gone", estate.children["postgres"].ended, 10)
        refused = estate.call("POST", "/requests", waiting)

    assert refused.status == 503
    assert "Retry-After" in refused.headers
    assert "Traceback" not in str(refused.body)
    accepted = wait_for("it to be back", lambda: accepted_now(estate, waiting))
    for job in (running, accepted):
        assert estate.ended(job["id"])["state"] == "succeeded"
        assert [attempt.whole for attempt in attempts(estate, job)] == [True]  # the one that ran was not disturbed


def accepted_now(estate: Estate, wanted: Any) -> Any:
    answer = estate.call("POST", "/requests", wanted)
    return answer.body if answer.status == 202 else None
