"""Faults caused for real, judged by what the playbooks left on the host and not by what the jobs table says."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, groupby
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.running import Service, processes, wait_for

pytestmark = pytest.mark.journey
numbers = count(1)

Asking = Callable[..., Any]


@pytest.fixture
def ask(sleepy: Service) -> Asking:
    """Asks for the sleeper for a new administration: ask(seconds=3) gives the job."""

    def make(seconds: int = 1) -> Any:
        slug = f"commune-{next(numbers)}"
        names = {"fr": slug.title(), "ar": f"جماعة {slug}"}
        made = sleepy.post("/administrations", {"kind": "commune", "slug": slug, "names": names})
        wish = {"administration": made["id"], "app": "sleeper", "reason": "test", "settings": {"seconds": seconds}}
        return sleepy.post("/requests", wish)

    return make


def traces(service: Service, job: Any) -> list[tuple[int, str]]:
    """What the actions on the job's instance did, in order: fence and word."""
    short_id = service.get(f"/instances/{job['instance_id']}")["short_id"]
    file = service.layout.host_root / f"traces-{short_id}"
    lines = file.read_text().splitlines() if file.exists() else []
    return [(int(fence), word) for fence, word in map(str.split, lines)]


def attempts(service: Service, job: Any) -> Iterator[tuple[int, list[str]]]:
    for fence, lines in groupby(traces(service, job), key=lambda line: line[0]):
        yield fence, [word for _, word in lines]


def acting(service: Service, job: Any) -> bool:
    return any(word == "act" for _, word in traces(service, job))


def workers(service: Service) -> list[int]:
    return [pid for pid in processes("celery", "worker.main") if service.state_dir.name in _environment(pid)]


def _environment(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace")
    except OSError:
        return ""


def test_a_worker_killed_in_the_middle_leaves_nothing_behind_and_its_job_is_done_once_more(
    sleepy: Service, ask: Asking
) -> None:
    job = ask(seconds=6)
    wait_for("the playbook to act", lambda: acting(sleepy, job))

    for pid in workers(sleepy):
        os.kill(pid, signal.SIGKILL)

    wait_for("every process of the run to be gone", lambda: not processes(f"-{job['id']}-"), 3)
    done = sleepy.ended(job["id"], 95)
    assert (done["state"], done["attempt"]) == ("succeeded", 2)
    (first, cut), (second, whole) = attempts(sleepy, job)  # two groups: the attempts never mixed
    assert first < second
    assert "end" not in cut
    assert (whole[0], whole[-1]) == ("start", "end")


def test_jobs_queued_when_valkey_forgets_everything_all_run(sleepy: Service, ask: Asking) -> None:
    jobs = [ask(seconds=1) for _ in range(5)]

    with redis.Redis.from_url(sleepy.layout.redis_url()) as valkey:
        valkey.flushall()

    states = [sleepy.ended(job["id"])["state"] for job in jobs]
    assert states == ["succeeded"] * 5
    for job in jobs:
        assert [word for _, word in traces(sleepy, job)].count("start") == 1


def test_a_worker_asleep_beyond_its_lease_writes_nothing_when_it_wakes(sleepy: Service, ask: Asking) -> None:
    job = ask(seconds=8)
    wait_for("the playbook to act", lambda: acting(sleepy, job))
    asleep = workers(sleepy)
    for pid in asleep:
        os.kill(pid, signal.SIGSTOP)
    try:
        # Nobody proves the lease any more, so the run kills itself; later the job waits for a worker that is awake.
        wait_for("the run to end itself", lambda: not processes(f"-{job['id']}-"), 20)
        wait_for("the job to wait again", lambda: sleepy.get(f"/jobs/{job['id']}")["state"] == "queued", 60)
    finally:
        for pid in asleep:
            os.kill(pid, signal.SIGCONT)

    done = sleepy.ended(job["id"], 60)
    assert (done["state"], done["attempt"]) == ("succeeded", 2)
    (_, cut), (_, whole) = attempts(sleepy, job)
    assert "end" not in cut
    assert whole[-1] == "end"


def test_a_cancelled_run_stops_acting(sleepy: Service, ask: Asking) -> None:
    job = ask(seconds=30)
    wait_for("the playbook to act", lambda: acting(sleepy, job))

    sleepy.post(f"/jobs/{job['id']}/cancel", {"reason": "test"})

    done = sleepy.ended(job["id"], 20)
    assert (done["state"], done["cause"]) == ("needs_attention", "cancelled")  # it had begun to change things
    assert processes(f"-{job['id']}-") == []
    assert "end" not in [word for _, word in traces(sleepy, job)]
    settled = sleepy.post(f"/jobs/{job['id']}/resolve", {"resolution": "failed", "reason": "test"})
    assert settled["state"] == "failed"


def test_of_fifty_simultaneous_requests_for_one_instance_one_is_accepted(sleepy: Service, ask: Asking) -> None:
    job = ask()
    sleepy.ended(job["id"])
    act = f"/instances/{job['instance_id']}/check"

    with ThreadPoolExecutor(50) as crowd:
        answers = list(crowd.map(lambda _: sleepy.call("POST", act, {"reason": "test"}), range(50)))

    accepted = [answer.body["id"] for answer in answers if answer.status == 202]
    refused = [answer.body for answer in answers if answer.status == 409]
    assert (len(accepted), len(refused)) == (1, 49)
    assert {(answer["code"], answer["job_id"]) for answer in refused} == {("operation-in-progress", accepted[0])}
    assert sleepy.ended(accepted[0])["state"] == "succeeded"


def test_secrets_of_an_instance_are_nowhere_but_sealed(sleepy: Service, ask: Asking) -> None:
    job = ask()
    sleepy.ended(job["id"])

    events = sleepy.get(f"/jobs/{job['id']}/events")["items"]

    assert events
    assert not any("admin_password" in str(event) for event in events)
