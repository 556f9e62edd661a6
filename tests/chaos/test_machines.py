"""Two workers on machines of their own: sites, rolling restarts, drains, and a cable that is pulled."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.asking import acting, ask, attempts, state
from tests.chaos.estate import IMPATIENT, Estate, Member
from tests.chaos.machines import Network, network
from tests.running import processes, running, wait_for

pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make network namespaces"),
]
SITES = ("east", "west", "shared")


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    with network(2) as made:
        yield made


@pytest.fixture(scope="module")
def region(net: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """A server at each site; both machines serve the shared one."""
    crew = [
        Member(name, f"{name},shared", machine.namespace)
        for name, machine in zip(("east", "west"), net.machines, strict=True)
    ]
    estate = Estate(tmp_path_factory.mktemp("region"), settings=dict(IMPATIENT), crew=crew, address=net.address)
    for region in running(estate):
        region.module("tests.chaos.furnish", "0", *(f"{site}={site}" for site in SITES))
        region.sql("UPDATE host SET state = 'retired' WHERE name = 'local'")
        yield region


def site(estate: Estate, job: Any) -> str:
    return str(estate.get(f"/jobs/{job['id']}")["site"])


def one_per_site(estate: Estate, seconds: int) -> dict[str, Any]:
    """New instances go where the fewest are."""
    jobs = [ask(estate, seconds) for _ in SITES]
    return {site(estate, job): job for job in jobs}


def worker_of(estate: Estate, job: Any) -> str:
    ((owner,),) = estate.sql("SELECT owner FROM job WHERE id = %s", job["id"])
    return str(owner).partition(":")[0]


def test_each_machine_takes_the_jobs_of_its_sites_and_no_others(region: Estate) -> None:
    here = Path("/proc/self/ns/net").readlink()
    assert all(Path(f"/proc/{region.pid(member.name)}/ns/net").readlink() != here for member in region.crew)

    jobs = one_per_site(region, 1)

    assert set(jobs) == set(SITES)
    assert {region.ended(job["id"])["state"] for job in jobs.values()} == {"succeeded"}
    assert {name: worker_of(region, jobs[name]) for name in ("east", "west")} == {"east": "east", "west": "west"}


def test_machines_that_are_restarted_one_after_the_other_lose_no_playbook(region: Estate) -> None:
    jobs = [*one_per_site(region, 3).values()]
    for member in region.crew:
        wait_for("playbooks to act", partial(_acts_there, region, jobs, member.name))
        before = region.pid(member.name)
        region.kill(member.name, number=signal.SIGTERM)
        jobs += one_per_site(region, 3).values()
        wait_for("it to be back", lambda member=member, before=before: region.pid(member.name) != before)

    assert Counter(region.ended(job["id"])["state"] for job in jobs) == {"succeeded": len(jobs)}
    for job in jobs:
        assert [(attempt.number, attempt.whole) for attempt in attempts(region, job)] == [(1, True)]


def _acts_there(estate: Estate, jobs: list[Any], worker: str) -> bool:
    running = [job for job in jobs if state(estate, job) == "running" and worker_of(estate, job) == worker]
    return any(acting(estate, job) for job in running)


def test_a_drained_service_ends_what_runs_and_begins_nothing_until_the_drain_ends(region: Estate) -> None:
    running = ask(region, 4)
    wait_for("the playbook to act", lambda: acting(region, running))

    region.run("drain", "begin", "--reason", "an upgrade")
    waiting = ask(region)

    assert region.ended(running["id"])["state"] == "succeeded"
    assert [attempt.whole for attempt in attempts(region, running)] == [True]
    assert state(region, waiting) == "queued"
    assert attempts(region, waiting) == []
    region.run("drain", "end", "--reason", "it is done")
    assert region.ended(waiting["id"])["state"] == "succeeded"


def test_a_machine_whose_cable_is_pulled_stops_acting_and_works_again_when_it_is_plugged_in(
    region: Estate, net: Network
) -> None:
    jobs = one_per_site(region, 15)
    wait_for("all to act", lambda: all(acting(region, job) for job in jobs.values()))
    cut_off = [job for job in jobs.values() if worker_of(region, job) == "east"]
    net.machines[0].unplug()
    try:
        for job in cut_off:
            wait_for("its runs to end themselves", lambda job=job: not processes(f"-{job['id']}-"), 20)
        assert region.ended(jobs["shared"]["id"])["state"] == "succeeded"
        assert worker_of(region, jobs["shared"]) == "west" or jobs["shared"] not in cut_off
        wait_for("the job of its site to wait", lambda: state(region, jobs["east"]) == "queued", 60)
    finally:
        net.machines[0].plug_in()

    assert {region.ended(job["id"])["state"] for job in jobs.values()} == {"succeeded"}
    for job in jobs.values():
        expected = [False, True] if job in cut_off else [True]
        assert [attempt.whole for attempt in attempts(region, job)] == expected
