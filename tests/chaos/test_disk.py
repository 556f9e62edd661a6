"""A disk without room, for real: a small file system that is filled up."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos.asking import ask, attempts
from tests.chaos.estate import Estate
from tests.chaos.faults import full
from tests.running import wait_for
from worker.run import PREFIX

pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount the small file systems that are filled up"),
]
NO_ROOM = "No space left on device"


def private(estate: Estate) -> list[Path]:
    """Where the runs of each worker have their folders."""
    return [Path(f"/proc/{estate.pid(member.name)}/root/dev/shm") for member in estate.crew]


def folders(estate: Estate) -> list[Path]:
    """Of the runs; one that waits for its run holds nothing of any."""
    return [file.parent for disk in private(estate) for file in disk.glob(f"{PREFIX}*/inventory.yml")]


def test_a_full_disk_of_the_host_fails_the_job_with_that_cause(estate: Estate) -> None:
    with full(estate.layout.host_root):
        job = ask(estate)
        done = estate.ended(job["id"])

    assert (done["state"], done["cause"]) == ("failed", "playbook_failed")
    told = estate.get(f"/jobs/{job['id']}/events")["items"]
    assert any(NO_ROOM in str(event["result"]) for event in told if event["kind"] == "runner_on_failed")
    assert folders(estate) == []
    again = estate.post(f"/instances/{job['instance_id']}/provision", {"reason": "there is room again"})
    assert estate.ended(again["id"])["state"] == "succeeded"
    assert attempts(estate, again)[-1].whole


def test_where_a_run_finds_no_room_its_job_fails_with_that_cause_and_leaves_no_secrets(estate: Estate) -> None:
    with ExitStack() as filled:
        for disk in private(estate):
            filled.enter_context(full(disk))
        job = ask(estate)
        done = estate.ended(job["id"])
        wait_for("its folder to be gone", lambda: not folders(estate), 5)

    assert (done["state"], done["cause"]) == ("failed", "run_broken")  # nothing had been touched
    assert NO_ROOM in estate.get(f"/jobs/{job['id']}")["report"]["reason"]
    assert attempts(estate, job) == []
    again = estate.post(f"/instances/{job['instance_id']}/provision", {"reason": "there is room again"})
    assert estate.ended(again["id"])["state"] == "succeeded"
