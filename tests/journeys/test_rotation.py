"""New secrets through the API: the old password is refused at the app's own door, and a killed worker loses neither."""

import os
import signal
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from provisioner.demo.complaints import Tracker
from tests.running import Service, running, wait_for

pytestmark = pytest.mark.journey

TITLE = "Éclairage / إنارة"
QUICK = {"lease": "25", "heartbeat": "2", "quiesce": "2"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One that takes a silent worker for lost after seconds."""
    yield from running(Service(tmp_path_factory.mktemp("rotating"), settings=QUICK, forgetful=True))


@pytest.fixture(scope="module")
def instance(service: Service) -> Any:
    """A complaints service with one complaint."""
    made = service.post("/administrations", {"kind": "commune", "slug": "commune", "names": {"fr": "Commune"}})
    settings = {"contact_email": "contact@commune.example"}
    wish = {"administration": made["id"], "app": "complaints", "reason": "journey", "settings": settings}
    job = service.post("/requests", wish)
    assert service.ended(job["id"])["state"] == "succeeded"
    found = service.get(f"/instances/{job['instance_id']}")
    assert Tracker(found["address"], password(service, found)).file(TITLE) == "1"
    return found


def password(service: Service, instance: Any, name: str = "admin_password") -> str:
    told = service.run("instances", "secret", instance["id"], name, "--reason", "journey")
    return str(told["value"])


def admits(instance: Any, secret: str) -> bool:
    try:
        return Tracker(instance["address"], secret).title_of("1") == TITLE
    except urllib.error.HTTPError:
        return False


def test_after_a_rotation_the_new_password_signs_in_and_the_old_one_does_not(service: Service, instance: Any) -> None:
    before = password(service, instance)
    job = service.ended(service.post(f"/instances/{instance['id']}/rotate", {"reason": "journey"})["id"])
    after = password(service, instance)

    assert (job["state"], job["report"]["health"]) == ("succeeded", "healthy")
    assert (admits(instance, after), admits(instance, before)) == (True, False)


def test_a_rotation_whose_worker_is_killed_keeps_both_and_a_retry_ends_it(service: Service, instance: Any) -> None:
    before = password(service, instance)
    with held_back(service, instance):
        job = service.post(f"/instances/{instance['id']}/rotate", {"reason": "journey"})
        wait_for("all steps but the last", lambda: "health" in roles(service, job))
        kill_the_run(service)

    lost = service.ended(job["id"])
    while_unknown = password(service, instance)
    service.post(f"/jobs/{job['id']}/resolve", {"resolution": "retry", "reason": "journey"})
    ended = service.ended(job["id"])
    after = password(service, instance)

    assert (lost["state"], lost["cause"], while_unknown) == ("needs_attention", "lease_lost", before)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 2)
    assert (admits(instance, after), admits(instance, before)) == (True, False)


@contextmanager
def held_back(service: Service, instance: Any) -> Iterator[None]:
    """Nobody can be given another password in the app meanwhile."""
    name, tenants = instance["short_id"], service.layout.tenants
    secret = password(service, instance, "database_password")
    with psycopg.connect(host=str(tenants.socket_dir), user=name, dbname=name, password=secret) as connection:
        connection.execute("LOCK TABLE _user IN EXCLUSIVE MODE")
        yield


def roles(service: Service, job: Any) -> set[str]:
    return {event["role"] for event in service.get(f"/jobs/{job['id']}/events")["items"]}


def kill_the_run(service: Service) -> None:
    """kill -9 of all that the service's worker has started, and of itself."""
    workers = [pid for pid in below(service.process.pid) if b"worker.main" in line_of(pid)]
    assert workers
    for pid in [*workers, *(each for worker in workers for each in below(worker))]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def below(pid: int) -> list[int]:
    """Its children, and theirs."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        children = [int(word) for word in task.read_text().split()]
        found += [*children, *(each for child in children for each in below(child))]
    return found


def line_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
