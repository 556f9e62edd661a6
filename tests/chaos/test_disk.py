"""A disk without room, for real: a small file system that is filled up."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.asking import ask, attempts
from tests.chaos.estate import IMPATIENT, Estate, Member, living
from tests.chaos.faults import full
from tests.running import wait_for
from worker.run import PREFIX

pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount the small file systems that are filled up"),
]
NO_ROOM = "No space left on device"


@pytest.fixture(scope="module")
def cramped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """The host that instances live on has a small disk, and so has the worker for the private folders of its runs."""
    estate = Estate(
        tmp_path_factory.mktemp("cramped"), settings=dict(IMPATIENT), crew=[Member("worker-1")], own_disks=True
    )
    host = estate.layout.host_root
    host.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(host)], check=True)
    try:
        yield from living(estate)
    finally:
        subprocess.run(["umount", "--lazy", str(host)], check=True)


def private(estate: Estate) -> Path:
    """Where the worker's runs have their folders."""
    return Path(f"/proc/{estate.pid('worker-1')}/root/dev/shm")


def folders(estate: Estate) -> list[Path]:
    return list(private(estate).glob(f"{PREFIX}*"))


def test_a_full_disk_of_the_host_fails_the_job_with_that_cause(cramped: Estate) -> None:
    with full(cramped.layout.host_root):
        job = ask(cramped)
        done = cramped.ended(job["id"])

    assert (done["state"], done["cause"]) == ("failed", "playbook_failed")
    told = cramped.get(f"/jobs/{job['id']}/events")["items"]
    assert any(NO_ROOM in str(event["result"]) for event in told if event["kind"] == "runner_on_failed")
    assert folders(cramped) == []
    again = cramped.post(f"/instances/{job['instance_id']}/provision", {"reason": "there is room again"})
    assert cramped.ended(again["id"])["state"] == "succeeded"
    assert attempts(cramped, again)[-1].whole


def test_where_a_run_finds_no_room_its_job_fails_with_that_cause_and_leaves_no_secrets(cramped: Estate) -> None:
    with full(private(cramped)):
        job = ask(cramped)
        done = cramped.ended(job["id"])
        wait_for("its folder to be gone", lambda: not folders(cramped), 5)

    assert (done["state"], done["cause"]) == ("failed", "run_broken")  # nothing had been touched
    assert NO_ROOM in cramped.get(f"/jobs/{job['id']}")["report"]["reason"]
    assert attempts(cramped, job) == []
    again = cramped.post(f"/instances/{job['instance_id']}/provision", {"reason": "there is room again"})
    assert cramped.ended(again["id"])["state"] == "succeeded"
