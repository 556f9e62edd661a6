"""The whole service over three real hosts: placed, read by name, moved, drained."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from provisioner.demo.complaints import Tracker
from tests.estate.machines import Machine, machines, why_not
from tests.estate.story import Estate, estate
from tests.running import wait_for

pytestmark = [pytest.mark.journey, pytest.mark.machines]
APPS = {"complaints": "2.2.0", "files": "1.20.26", "open-data": "0.65.5"}
BY_HAND = r"[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n"
TITLE = "Éclairage / إنارة"


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Estate]:
    cache = request.config.cache.mkdir("machines")
    if why := why_not(cache):
        pytest.skip(why)
    with estate(tmp_path_factory.mktemp("story"), cache) as given:
        for machine, user in zip(given.machines, ("root", "provisioner", "root"), strict=True):
            given.enter(machine, user)
        yield given


@pytest.fixture(scope="module")
def instances(three: Estate) -> list[Any]:
    jobs = [three.asked(app, f"commune-{app}", release=old) for app, old in APPS.items()]
    return [three.done(job) for job in jobs]


def test_instances_are_spread_over_the_hosts_and_answer_by_their_names(three: Estate, instances: list[Any]) -> None:
    assert {each["host"] for each in instances} == {each.name for each in three.machines}
    for each in instances:
        assert f"commune-{each['app']['slug']}" in three.page(each)
        assert each["address"] == f"http://{each['hostname']}/"


def test_one_moves_and_leaves_nothing_behind(three: Estate, instances: list[Any]) -> None:
    moving, target = instances[0], instances[1]["host"]
    job = three.service.post(f"/instances/{moving['id']}/move", {"reason": "a test", "target": target})
    moved = three.done(job)
    [left] = [each for each in three.machines if each.name == moving["host"]]

    assert (moved["host"], moved["health"], moved["address"]) == (target, "healthy", moving["address"])
    assert "commune-complaints" in three.page(moved)
    found = left.said("find", "/srv/provisioner", "-name", f"'{moving['short_id']}*'", "-not", "-path", "'*/guard/*'")
    assert found == ""


def test_a_host_reports_what_somebody_did_by_hand_and_is_repaired(three: Estate, instances: list[Any]) -> None:
    stopped = instances[1]
    seen = three.service.run("hosts", "survey", stopped["host"])
    three.host_of(stopped).said("systemctl", "stop", f"prov-{stopped['short_id']}.service")
    three.service.run("hosts", "survey", stopped["host"])
    [found] = three.service.get("/findings")["items"]
    repaired = three.service.run("findings", "repair", found["id"], "--reason", "a test")
    done = three.service.ended(repaired["job_id"], 300)

    assert seen["facts"]["instances"] == len(three.on(stopped["host"]))
    assert (found["kind"], found["subject"], done["state"]) == ("not_running", stopped["short_id"], "succeeded")
    assert "commune-files" in three.page(stopped)


def test_a_unit_that_somebody_made_by_hand_is_found_and_taken_away(three: Estate) -> None:
    machine = three.machines[0]
    unit = "/etc/systemd/system/prov-xyz.service"
    machine.said("printf", f"'{BY_HAND}'", ">", unit, ";", "systemctl", "enable", "--quiet", "--now", "prov-xyz")
    three.service.run("hosts", "survey", machine.name)
    [found] = three.service.get("/findings?kind=unknown_service")["items"]
    three.service.run("findings", "remove", found["id"], "--reason", "a test")
    three.service.run("hosts", "survey", machine.name)
    settled = three.service.get(f"/findings/{found['id']}")

    assert (found["kind"], found["subject"], settled["state"]) == ("unknown_service", "xyz", "settled"), settled
    assert machine.said("systemctl", "show", "--property=LoadState", "--value", "prov-xyz") == "not-found\n"
    assert machine.said("ls", settled["outcome"]) == "prov-xyz.service\n"


def test_a_cable_that_is_pulled_in_the_middle_of_an_update_leaves_no_mess(three: Estate, instances: list[Any]) -> None:
    updating = three.service.get(f"/instances/{instances[0]['id']}")
    host = three.host_of(updating)
    secret = three.service.run("instances", "secret", updating["id"], "admin_password", "--reason", "a test")["value"]
    with three.named(updating):
        assert Tracker(updating["address"], secret).file(TITLE) == "1"

    job = three.service.post(f"/instances/{updating['id']}/update", {"reason": "a test"})
    wait_for("the backup", lambda: "backup" in three.roles(job), 60)
    host.cable("down")
    cut = three.service.ended(job["id"], 120)
    host.cable("up")
    three.service.post(f"/jobs/{job['id']}/resolve", {"resolution": "retry", "reason": "the cable is in again"})
    ended = three.service.ended(job["id"], 300)

    assert (cut["state"], cut["cause"]) == ("needs_attention", "unreachable")
    assert (ended["state"], ended["report"]["active_version"]) == ("succeeded", "2.6.0")
    with three.named(updating):
        assert Tracker(updating["address"], secret).title_of("1") == TITLE


def test_no_host_reaches_anything_but_its_own_network(three: Estate) -> None:
    assert all("default" not in each.said("ip", "route") for each in three.machines)


def greeting(machine: Machine) -> bytes:
    """What its SSH server says to who calls it from here; nothing if it is not reached."""
    with suppress(OSError), socket.create_connection((machine.address, 22), timeout=1) as line:
        return line.recv(4)
    return b""


def test_a_host_is_served_by_the_worker_of_its_site_which_alone_reaches_it(
    three: Estate, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    service = three.service
    with machines(tmp_path / "apart", request.config.cache.mkdir("machines"), 1, apart=True) as [machine]:
        assert greeting(machine) == b""
        with three.worker(machine, "remote"):
            three.enter(machine, site="remote")
            for each in three.machines:
                three.turn("cordon", each.name)
            made = three.done(three.asked("files", "commune-far"))
            for each in three.machines:
                three.turn("activate", each.name)
            move = service.call("POST", f"/instances/{made['id']}/move", {"reason": "a test"})
        waiting = service.post(f"/instances/{made['id']}/suspend", {"reason": "a test"})
        told = service.get(f"/jobs/{waiting['id']}")["waits"]
        with three.worker(machine, "remote"):
            suspended = three.done(waiting)

    assert (made["host"], made["health"], suspended["state"]) == (machine.name, "healthy", "suspended")
    assert (move.status, {each["reason"] for each in move.body["hosts"]}) == (409, {"site"})
    assert (told["reason"], told["what"]) == ("no_worker", "remote")


def test_a_host_that_is_drained_gets_empty(three: Estate, instances: list[Any]) -> None:
    host = instances[2]["host"]
    three.drained(host)

    assert three.on(host) == []
    moved = three.service.get(f"/instances/{instances[2]['id']}")
    assert "commune-open-data" in three.page(moved)


@pytest.fixture(scope="module")
def towards(three: Estate, instances: list[Any]) -> tuple[Any, Machine]:
    """An instance, and another host to which it may move."""
    moving = three.service.get(f"/instances/{instances[1]['id']}")
    [other] = [each for each in three.machines if each.name not in {moving["host"], instances[2]["host"]}]
    return moving, other


def move(three: Estate, towards: tuple[Any, Machine]) -> Any:
    instance, other = towards
    return three.service.post(f"/instances/{instance['id']}/move", {"reason": "a test", "target": other.name})


def goes_on(three: Estate, towards: tuple[Any, Machine], job: Any) -> bool:
    """Whether the instance serves where it was after the job failed, and nothing of it is on the other host."""
    instance, other = towards
    ended = three.service.ended(job["id"], 600)
    still = three.service.get(f"/instances/{instance['id']}")
    left = other.said("find", "/srv/provisioner", "-name", f"'{instance['short_id']}*'", "-not", "-path", "'*/guard/*'")
    assert (ended["state"], ended["report"]["moved"], left) == ("failed", "back", ""), (ended, ended["failure"])
    assert (still["host"], still["health"]) == (instance["host"], "healthy")
    return "commune-files" in three.page(still)


def test_who_cannot_arrive_goes_on_where_it_was(three: Estate, towards: tuple[Any, Machine]) -> None:
    towards[1].said("chmod", "-x", "/usr/sbin/useradd")
    job = move(three, towards)

    assert goes_on(three, towards, job)
    towards[1].said("chmod", "+x", "/usr/sbin/useradd")


def test_who_cannot_leave_goes_on_where_it_was(three: Estate, towards: tuple[Any, Machine]) -> None:
    source = three.host_of(towards[0])
    source.said("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", "/srv/provisioner/backups")
    job = move(three, towards)

    assert goes_on(three, towards, job)
    assert "No backup could be taken" in three.service.get(f"/jobs/{job['id']}")["failure"]["message"]
    source.said("umount", "/srv/provisioner/backups")


def test_who_is_lost_while_it_arrives_goes_on_where_it_was(three: Estate, towards: tuple[Any, Machine]) -> None:
    job = move(three, towards)
    wait_for("its data to be kept", lambda: "archive" in three.roles(job))
    towards[1].cable("down")
    ended = three.service.ended(job["id"], 200)
    towards[1].cable("up")

    assert (ended["state"], ended["report"]["moved"]) == ("failed", "back"), (ended["report"], ended["failure"])
    assert "commune-files" in three.page(towards[0])


def test_nothing_leaves_before_the_other_host_answers(three: Estate, towards: tuple[Any, Machine]) -> None:
    instance, other = towards
    other.cable("down")
    job = move(three, towards)

    def is_waiting() -> bool:
        waits = three.service.get(f"/jobs/{job['id']}")["waits"]
        return bool(waits) and waits["reason"] == "target_parked"

    wait_for("it to wait for the other host", is_waiting, 120)

    assert "notice" not in three.roles(job)
    assert "commune-files" in three.page(instance)
    three.host_of(instance).said("chmod", "-x", "/usr/sbin/userdel")
    other.cable("up")
    assert three.service.ended(job["id"], 300)["state"] == "needs_attention"


def test_a_move_that_is_taken_up_again_leaves_what_has_arrived_alone(
    three: Estate, towards: tuple[Any, Machine]
) -> None:
    instance, other = towards
    evidence = f"/srv/provisioner/instances/{instance['short_id']}/evidence"
    other.said("touch", evidence)
    three.host_of(instance).said("chmod", "+x", "/usr/sbin/userdel")
    [job] = three.service.get(f"/jobs?instance_id={instance['id']}&state=needs_attention")["items"]
    three.service.post(f"/jobs/{job['id']}/resolve", {"resolution": "retry", "reason": "users can be removed again"})
    moved = three.done(job)

    assert (moved["host"], moved["health"]) == (other.name, "healthy")
    assert other.said("ls", evidence).strip() == evidence
    assert "commune-files" in three.page(moved)
