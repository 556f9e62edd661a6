"""Hosts that do not answer, with the whole service and a real SSH server behind a line that can be frozen."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from provisioner.embedded.layout import DATABASE, SUPERUSER
from tests import ssh
from tests.running import Service, processes, running, wait_for
from tests.ssh import Line, Server

pytestmark = pytest.mark.journey
PLAYBOOKS = Path(__file__).with_name("playbooks")
numbers = count(1)
REGISTER = """
import json, sys
from provisioner.audit.service import Actor, Via, acting
from provisioner.config import settings
from provisioner.db import transaction
from provisioner.foundation import foundation
from provisioner.hosts import service
from provisioner.hosts.models import Connection
with foundation(settings()).app_context(), acting(Actor(Via.CLI, on_behalf_of="tests")), transaction():
    given = json.loads(sys.argv[1])
    service.register(service.Registration(**given | {"connection": Connection.SSH}))
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {"playbooks_dir": str(PLAYBOOKS), "quiesce": "2", "worker_concurrency": "3"}
    yield from running(Service(tmp_path_factory.mktemp("silent"), settings=settings, forgetful=True))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with ssh.server(tmp_path_factory.mktemp("ssh") / "server") as server:
        yield server


class Estate:
    """The service with this machine and one remote host, and the work that is asked for on them."""

    def __init__(self, service: Service, server: Server, line: Line, folder: Path) -> None:
        self.service, self.server, self.line, self.folder = service, server, line, folder
        self.remote = f"far-{next(numbers)}"
        self.register(server.facts(line.port))

    def register(self, facts: dict[str, object]) -> None:
        ports = {"port_first": 20000, "port_last": 20999}
        facts = {"python": "python3", "root": "/srv/host", "ssh": facts}
        given = {"name": self.remote, "address": ssh.ADDRESS, "site": "local", "facts": facts, **ports}
        command = [self.service.python, "-c", REGISTER, json.dumps(given)]
        subprocess.run(command, env=self.service.environment, cwd=self.service.state_dir, check=True)

    def asked(self, host: str, seconds: int = 0) -> Any:
        """The job of a new instance on this host."""
        url = self.service.layout.database_url(SUPERUSER, DATABASE).replace("+psycopg", "")
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE host SET state = CASE name WHEN %s THEN 'active' ELSE 'cordoned' END", [host])
        slug = f"commune-{next(numbers)}"
        names = {"fr": slug.title(), "ar": f"جماعة {slug}"}
        made = self.service.post("/administrations", {"kind": "commune", "slug": slug, "names": names})
        wish = {"administration": made["id"], "app": "remote", "reason": "test"}
        settings = {"file": str(self.folder / slug), "seconds": seconds}
        return self.service.post("/requests", wish | {"settings": settings}) | {"file": self.folder / slug}

    def job(self, job: Any) -> Any:
        return self.service.get(f"/jobs/{job['id']}")

    @property
    def parked(self) -> bool:
        (host,) = [host for host in self.service.get("/hosts")["items"] if host["name"] == self.remote]
        return host["parked_at"] is not None

    def waits_for_the_host(self, job: Any) -> None:
        wait_for("the job to wait for its host", lambda: self.job(job)["state"] == "queued" and self.parked, 90)
        waits = self.job(job)["waits"]
        assert (waits["reason"], waits["what"]) == ("host_parked", self.remote)

    def others_go_on(self) -> None:
        assert self.service.ended(self.asked("local")["id"])["state"] == "succeeded"
        assert self.parked

    def succeeds(self, job: Any, attempt: int) -> None:
        done = self.service.ended(job["id"], 120)
        assert (done["state"], done["attempt"]) == ("succeeded", attempt)
        assert not self.parked


@pytest.fixture
def estate(service: Service, server: Server, tmp_path: Path) -> Iterator[Estate]:
    with ssh.line(server.port) as line:
        yield Estate(service, server, line, tmp_path)
    for pid in processes(str(tmp_path)):
        os.kill(pid, signal.SIGKILL)  # what a cut line left on the "remote" host


def test_jobs_of_a_host_that_refuses_wait_until_it_is_back(estate: Estate) -> None:
    estate.line.close()
    job = estate.asked(estate.remote)

    estate.waits_for_the_host(job)
    assert estate.job(job)["cause"] == "unreachable"
    estate.others_go_on()
    with ssh.line(estate.server.port, estate.line.port):
        estate.succeeds(job, attempt=2)


def test_jobs_of_a_host_that_accepts_and_hangs_wait_until_it_answers(estate: Estate) -> None:
    estate.line.freeze()
    job = estate.asked(estate.remote)

    estate.waits_for_the_host(job)
    estate.others_go_on()
    estate.line.thaw()
    estate.succeeds(job, attempt=2)


def test_a_host_that_hangs_in_the_middle_leaves_its_job_to_a_person_and_lets_the_others_wait(estate: Estate) -> None:
    job = estate.asked(estate.remote, seconds=100)
    wait_for("the task to act", Path(f"{job['file']}-provision").exists, 60)
    estate.line.freeze()

    done = estate.service.ended(job["id"], 90)
    assert (done["state"], done["cause"]) == ("needs_attention", "unreachable")
    assert estate.parked
    other = estate.asked(estate.remote)
    estate.waits_for_the_host(other)
    estate.line.thaw()
    estate.succeeds(other, attempt=1)


def test_what_may_be_repeated_is_done_once_more_after_its_host_hung_in_the_middle(estate: Estate) -> None:
    job = estate.asked(estate.remote, seconds=3)
    estate.succeeds(job, attempt=1)
    check = estate.service.post(f"/instances/{job['instance_id']}/check", {"reason": "test"})
    wait_for("the task to act", Path(f"{job['file']}-check").exists, 60)
    estate.line.freeze()

    estate.waits_for_the_host(check)
    estate.line.thaw()
    estate.succeeds(check, attempt=2)


def test_a_host_with_another_key_than_the_known_one_is_left_alone(estate: Estate) -> None:
    estate.register(
        estate.server.facts(estate.line.port, host_key=(estate.server.folder / "login_key.pub").read_text())
    )
    job = estate.asked(estate.remote)

    done = estate.service.ended(job["id"], 60)

    assert (done["state"], done["cause"], done["attempt"]) == ("failed", "not_admitted", 1)
    assert not Path(f"{job['file']}-provision").exists()
    assert not estate.parked


def test_when_a_host_does_not_answer_the_rest_of_a_run_is_put_back_untouched(estate: Estate) -> None:
    jobs = [estate.asked(estate.remote) for _ in range(4)]
    for job in jobs:
        estate.succeeds(job, attempt=1)
    estate.line.close()
    wish = {"app": "remote", "action": "check", "reason": "test", "instances": [job["instance_id"] for job in jobs]}
    made = estate.service.post("/instances/actions", wish)
    checks = estate.service.get(f"/jobs?request_id={made['request_id']}&page_size=200")["items"]

    def causes() -> set[str]:
        return {str(estate.job(check)["cause"]) for check in checks}

    # How many had their turn depends on the slots that were free.
    wait_for("all of them to be put back", lambda: causes() == {"not_begun", "unreachable"}, 60)
    assert estate.parked
    assert {estate.job(check)["attempt"] for check in checks} == {1}
    with ssh.line(estate.server.port, estate.line.port):
        for check in checks:
            estate.succeeds(check, attempt=2)
