"""An estate of real hosts with the whole service over it: what `make hosts-demo` shows and a test looks at."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

from tests.estate.machines import Machine, machines, resolving
from tests.playbooks.stores import s3
from tests.running import Service, running, wait_for, worker_command

REPOSITORY = Path(__file__).parents[2]
WHY = ("--reason", "an estate of three hosts")
MAIL = {"contact_email": "contact@commune.example"}


@dataclass(frozen=True)
class Estate:
    service: Service
    machines: list[Machine]

    def enter(self, machine: Machine, user: str = "root", site: str = "local") -> None:
        """Register a machine by what is known of it, the key by which it proves itself among that, and prepare it."""
        key, login = machine.folder / "host_key.pub", str(machine.facts["private_key_file"])
        access = ["--user", user, "--private-key-file", login, "--host-key", str(key)]
        place = ["--address", machine.address, "--site", site]
        self.service.run("hosts", "add", machine.name, *place, *access, *WHY)
        self.service.run("hosts", "prepare", machine.name, *WHY)

    @contextmanager
    def worker(self, machine: Machine, *sites: str) -> Iterator[str]:
        """Another worker, for these sites, where the machine is reached; its name."""
        name = f"beside-{machine.name}"
        own = {"PROVISIONER_WORKER_NAME": name, "PROVISIONER_SITES": ",".join(sites)}
        with (self.service.state_dir / f"{name}.log").open("ab") as log:
            command, environment = machine.near(*worker_command(name)), self.service.environment | own
            with subprocess.Popen(command, env=environment, cwd=REPOSITORY, stdout=log, stderr=log) as worker:
                try:
                    yield name
                finally:
                    worker.terminate()

    def turn(self, verb: str, host: str) -> None:
        self.service.run("hosts", verb, host, *WHY)

    def asked(self, app: str, slug: str, **more: Any) -> Any:
        """The job of an app for a new administration."""
        names = {"fr": f"Commune {slug}", "ar": f"جماعة {slug}"}
        made = self.service.post("/administrations", {"kind": "commune", "slug": slug, "names": names})
        wish = {"administration": made["id"], "app": app, "reason": "asked for", "settings": MAIL, **more}
        return self.service.post("/requests", wish)

    def done(self, job: Any) -> Any:
        """The instance, once its job has succeeded."""
        ended = self.service.ended(job["id"], 600)
        assert ended["state"] == "succeeded", (ended, self.service.run("jobs", "show", job["id"]))
        return self.service.get(f"/instances/{job['instance_id']}")

    def drained(self, host: str) -> None:
        """Empty the host by moving what lies on it, and take it out of use."""
        self.turn("drain", host)
        wait_for(f"{host} to be empty", lambda: not self.on(host), 600)
        self.turn("retire", host)

    def roles(self, job: Any) -> set[str]:
        """What its playbook has come to."""
        return {event["role"] for event in self.service.get(f"/jobs/{job['id']}/events")["items"]}

    def host_of(self, instance: Any) -> Machine:
        return next(each for each in self.machines if each.name == instance["host"])

    def named(self, instance: Any) -> AbstractContextManager[None]:
        """Who asks for the instance by its name reaches its host meanwhile."""
        names = {instance["hostname"]: self.host_of(instance).address}
        return resolving(names.get)

    def page(self, instance: Any) -> str:
        """The first page of an instance, by way of its host's proxy."""
        with self.named(instance), urllib.request.urlopen(instance["address"], timeout=10) as answer:
            return unescape(answer.read().decode())

    def on(self, host: str) -> list[Any]:
        return list(self.service.get(f"/instances?host={host}&page_size=200")["items"])


@contextmanager
def estate(folder: Path, cache: Path, count: int = 3) -> Iterator[Estate]:
    """So many hosts that are not registered yet, a store of backups that all of them reach, and the service."""
    with machines(folder / "machines", cache, count) as made, s3(folder, made[0].controller) as store:
        (folder / "store.json").write_text(json.dumps(store.options))
        settings = {"backup_store": store.url, "backup_store_options": str(folder / "store.json"), "quiesce": "2"}
        for service in running(Service(folder / "state", settings=settings, forgetful=True)):
            given = Estate(service, made)
            given.turn("cordon", "local")
            yield given
