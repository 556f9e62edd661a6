"""Programs killed and paused for real; judged by what playbooks left on the host, not by what the jobs table says."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from urllib.error import URLError

import pytest

from tests.chaos.asking import acting, ask, asked_with, attempts, state, wish
from tests.chaos.estate import Estate
from tests.chaos.proxy import Mode
from tests.running import processes, wait_for

pytestmark = pytest.mark.journey


def crew(estate: Estate) -> set[int]:
    """All processes of all workers."""
    return {pid for member in estate.crew for pid in estate.group(member.name)}


def test_a_killed_worker_leaves_nothing_behind_and_only_what_may_be_repeated_is_done_once_more(estate: Estate) -> None:
    before = ask(estate, seconds=3, release="1.0")
    estate.ended(before["id"])
    update = estate.post(f"/instances/{before['instance_id']}/update", {"reason": "test"})
    provision = ask(estate, seconds=3)
    wait_for("one playbook to act", lambda: acting(estate, provision))
    wait_for("the other to act", lambda: attempts(estate, update)[-1].action == "update")

    for pid in crew(estate):
        os.kill(pid, signal.SIGKILL)

    for job in (update, provision):
        wait_for("every process of the run to be gone", lambda job=job: not processes(f"-{job['id']}-"), 3)
    done = estate.ended(provision["id"], 95)
    assert (done["state"], done["attempt"]) == ("succeeded", 2)
    first, second = attempts(estate, provision)  # two groups: the attempts never mixed
    assert first.fence < second.fence
    assert (first.whole, second.whole) == (False, True)
    undecided = estate.ended(update["id"], 95)
    assert (undecided["state"], undecided["cause"]) == ("needs_attention", "lease_lost")
    assert [each.action for each in attempts(estate, update)] == ["provision", "update"]

    estate.post(f"/jobs/{update['id']}/resolve", {"resolution": "retry", "reason": "test"})

    assert estate.ended(update["id"])["state"] == "succeeded"
    assert attempts(estate, update)[-1].whole


def test_a_worker_asleep_beyond_its_lease_writes_nothing_when_it_wakes(estate: Estate) -> None:
    job = ask(estate, seconds=8)
    wait_for("the playbook to act", lambda: acting(estate, job))
    asleep = crew(estate)
    for pid in asleep:
        os.kill(pid, signal.SIGSTOP)
    try:
        # Nobody proves the lease any more, so the run kills itself; later the job waits for a worker that is awake.
        wait_for("the run to end itself", lambda: not processes(f"-{job['id']}-"), 20)
        wait_for("the job to wait again", lambda: state(estate, job) == "queued", 60)
    finally:
        for pid in asleep:
            os.kill(pid, signal.SIGCONT)

    done = estate.ended(job["id"], 60)
    assert (done["state"], done["attempt"]) == ("succeeded", 2)
    assert [attempt.whole for attempt in attempts(estate, job)] == [False, True]


def test_a_web_killed_after_it_committed_has_promised_the_job_all_the_same(estate: Estate) -> None:
    wanted = wish(estate)

    def is_there() -> bool:
        """Kills the web before it learns that the job was committed."""
        committed = estate.sql("SELECT 1 FROM request WHERE reason = 'the web dies'")
        if committed:
            estate.signal_all("web", signal.SIGKILL)
        return bool(committed)

    estate.web_database.cutting = is_there
    estate.web_database.behave(Mode.CUT_COMMIT)
    with pytest.raises((ConnectionError, URLError)):
        asked_with(estate, "a web that dies", wanted | {"reason": "the web dies"})
    estate.web_database.cutting = lambda: True
    estate.web_database.behave(Mode.PASS)

    (job,) = estate.sql("SELECT job.id FROM job JOIN request ON request.id = request_id WHERE reason = 'the web dies'")
    started = "SELECT 1 FROM job WHERE id = %s AND started_at < queued_at + interval '5 seconds'"
    wait_for("the job to start", lambda: estate.sql(started, job[0]), 10)
    wait_for("the web to be back", estate.answers)
    again = asked_with(estate, "a web that dies", wanted | {"reason": "the web dies"})
    assert (again.status, again.body["id"]) == (202, str(job[0]))
    assert again.headers["Idempotent-Replayed"] == "true"
    assert estate.ended(again.body["id"])["state"] == "succeeded"
    assert len(attempts(estate, again.body)) == 1


def test_a_cancelled_run_stops_acting(estate: Estate) -> None:
    job = ask(estate, seconds=30)
    wait_for("the playbook to act", lambda: acting(estate, job))

    estate.post(f"/jobs/{job['id']}/cancel", {"reason": "test"})

    done = estate.ended(job["id"], 20)
    assert (done["state"], done["cause"]) == ("needs_attention", "cancelled")  # it had begun to change things
    assert processes(f"-{job['id']}-") == []
    assert not attempts(estate, job)[-1].whole
    settled = estate.post(f"/jobs/{job['id']}/resolve", {"resolution": "failed", "reason": "test"})
    assert settled["state"] == "failed"


def test_of_fifty_simultaneous_requests_for_one_instance_one_is_accepted(estate: Estate) -> None:
    job = ask(estate)
    estate.ended(job["id"])
    act = f"/instances/{job['instance_id']}/check"

    with ThreadPoolExecutor(50) as crowd:
        answers = list(crowd.map(lambda _: estate.call("POST", act, {"reason": "test"}), range(50)))

    accepted = [answer.body["id"] for answer in answers if answer.status == 202]
    refused = [answer.body for answer in answers if answer.status == 409]
    assert (len(accepted), len(refused)) == (1, 49)
    assert {(answer["code"], answer["job_id"]) for answer in refused} == {("operation-in-progress", accepted[0])}
    assert estate.ended(accepted[0])["state"] == "succeeded"


def test_secrets_of_an_instance_are_nowhere_but_sealed(estate: Estate) -> None:
    job = ask(estate)
    estate.ended(job["id"])

    events = estate.get(f"/jobs/{job['id']}/events")["items"]

    assert events
    assert not any("admin_password" in str(event) for event in events)
