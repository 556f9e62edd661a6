"""Real hosts for the session, the last one without systemd, and what is done on them as the engine does it."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from provisioner.embedded.layout import Layout
from provisioner.estate import preparing
from tests.estate.machines import Machine, machines, resolving, why_not
from tests.playbooks.inventory import HOSTILE, IDENTITY, Variables, instance
from tests.playbooks.proxies import certificate
from tests.playbooks.runs import Run, play
from worker.inventory import write

ROOT = "/srv/provisioner"


@dataclass
class Host:
    """A machine as the register knows it. People reach its instances below a name of its own."""

    machine: Machine
    wheels: Path
    folder: Path
    user: str = "root"
    secured: bool = False  # by a certificate for all names below its own
    runs: int = 0

    @property
    def zone(self) -> str:
        return f"{self.machine.name}.example"

    @property
    def reached(self) -> Variables:
        ssh = self.machine.facts
        known = self.machine.folder / "known_hosts"
        known.write_text(str(ssh["known_hosts"]))
        return {
            "ansible_connection": "ssh",
            "ansible_host": self.machine.address,
            "ansible_port": ssh["port"],
            "ansible_user": self.user,
            "ansible_become": self.user != "root",
            "ansible_ssh_private_key_file": ssh["private_key_file"],
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={known}",
            "ansible_python_interpreter": "/usr/bin/python3",
            "controller": {"wheels": str(self.wheels)},
        }

    @cached_property
    def facts(self) -> Variables:
        """What its preparation tells of it."""
        run = self.prepare(**self._certified() if self.secured else {})
        assert run.status == "successful", run.said
        return run.reports[self.machine.name]["facts"]

    @property
    def authority(self) -> Path:
        """Of its certificate: itself."""
        return self.folder / f"{self.zone}.pem"

    def _certified(self) -> dict[str, str]:
        """Where its certificate and key lie on it."""
        places = {"certificate": "/etc/nginx/tls/apps.pem", "key": "/etc/nginx/tls/apps.key"}
        self.folder.mkdir(parents=True, exist_ok=True)
        self.machine.said("install -d -m 750 -g www-data /etc/nginx/tls")
        for place, file in zip(places.values(), certificate(self.folder, f"*.{self.zone}"), strict=True):
            text = b64encode(Path(file).read_bytes()).decode()
            self.machine.said(f"echo {text} | base64 -d > {place}")
        return places

    def prepare(self, **more: Any) -> Run:
        wanted = preparing.told(preparing.Wish(**{"root": ROOT, **more}).__dict__)
        return self._play("hosts/prepare.yml", {self.machine.name: self.reached | {"host": {}} | wanted}, {})

    def look(self, playbook: str, **more: Any) -> Variables:
        """What a run on the host itself reports."""
        at = self.reached | {"host": {"name": self.machine.name, **self.facts}} | more
        run = self._play(f"hosts/{playbook}.yml", {self.machine.name: at}, {})
        assert run.status == "successful", run.said
        return run.reports[self.machine.name]

    def act(self, action: str, app: str, version: str, fence: int, instances: dict[str, dict[str, Any]]) -> Run:
        """As the fixture `act` of the playbooks' tests, on this host."""
        at = self.reached | {"host": {"name": self.machine.name, **self.facts}}
        runtime = {"runtime": {"app": app, "version": version, "lock": f"runtimes/{version}.txt"}}
        told = {name: self._told(app, name, version, action, fence, own) | at for name, own in instances.items()}
        return self._play(f"apps/{app}/{action}.yml", {self.machine.name: at | runtime}, told)

    def _told(self, app: str, name: str, version: str, action: str, fence: int, own: dict[str, Any]) -> Variables:
        usual = {"administration": HOSTILE, "job": {"id": f"job-{fence}", "action": action, "fence": fence}}
        told = instance(Layout(self.folder), app, name, 1, version, **usual | own)
        told["instance"] |= {"url": self.url(name), "port": None}
        store = {"store": f"file://{ROOT}/store", "recipient": str(IDENTITY.to_public()), "identity": str(IDENTITY)}
        return {**told, "backups": told["backups"] | store}

    def url(self, name: str) -> str:
        return f"{self.facts['proxy']['scheme']}://{name}.{self.zone}"

    def _play(self, playbook: str, servers: dict[str, Variables], instances: dict[str, Variables]) -> Run:
        self.runs += 1
        folder = self.folder / str(self.runs)
        folder.mkdir(parents=True)
        write(folder / "inventory.yml", servers, instances)
        return play(folder, folder / "inventory.yml", playbook)


@pytest.fixture(scope="session")
def hosts(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[list[Host]]:
    folder, cache = tmp_path_factory.mktemp("estate"), request.config.cache
    if why := why_not(cache.mkdir("machines")):
        pytest.skip(why)
    with machines(folder, cache.mkdir("machines"), 3, plain=1) as made:
        wheels, runs = cache.mkdir("wheels"), folder / "runs"
        users = ("root", "root", "provisioner", "root")
        yield [
            Host(each, wheels, runs / each.name, user, secured=each is made[1])
            for each, user in zip(made, users, strict=True)
        ]


@pytest.fixture
def _names(hosts: list[Host], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Who asks for an instance by its name reaches its host, and believes the certificate of the one that has one."""
    [secured] = [each for each in hosts if each.secured]
    monkeypatch.setenv("SSL_CERT_FILE", str(secured.authority))
    addresses = {each.zone: each.machine.address for each in hosts}
    with resolving(lambda name: addresses.get(name.partition(".")[2])):
        yield
