"""A host of instances for the session: the tenants' PostgreSQL and supervisord, both real."""

import json
import os
import socket
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import ansible.module_utils
import pytest
from ansible.module_utils.testing import patch_module_args

from provisioner.embedded import host as embedded_host, postgres
from provisioner.embedded.layout import Layout
from provisioner.embedded.processes.keeper import Keeper
from worker.inventory import write

from .inventory import HOSTILE, instance, server
from .runs import PLAYBOOKS, Run, play

# Where Ansible would find them: our modules, and what they share.
sys.path.insert(0, str(PLAYBOOKS / "library"))
ansible.module_utils.__path__.append(str(PLAYBOOKS / "module_utils"))

PORTS = range(21000, 22000)  # below those from which outgoing connections take theirs

Module = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Layout]:
    layout = Layout(tmp_path_factory.mktemp("host"))
    with Keeper(layout, show=lambda *_: None, say=lambda *_: None) as keeper:
        for step in [*postgres.tenants(layout, durable=False), embedded_host.supervisor(layout)]:
            keeper.start(step)
        (layout.host_root / "wheels").rmdir()
        (layout.host_root / "wheels").symlink_to(request.config.cache.mkdir("wheels"))
        yield layout


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """A port that nobody listens on, another one each time."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = iter(PORTS[worker * 100 :])

    def is_free(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    return lambda: next(port for port in ports if is_free(port))


@pytest.fixture(scope="session")
def ports(free_port: Callable[[], int]) -> dict[str, int]:
    """The port of each instance, by its short id."""
    return defaultdict(free_port)


@pytest.fixture(scope="session")
def address(ports: dict[str, int]) -> Callable[[str], str]:
    return lambda short_id: f"http://127.0.0.1:{ports[short_id]}"


@pytest.fixture(scope="session")
def act(host: Layout, ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Runs an action of an app on instances, given what is peculiar to each: at least its release."""

    def once(action: str, app: str, version: str, fence: int, instances: dict[str, dict[str, Any]]) -> Run:
        usual = {"administration": HOSTILE, "job": {"id": f"job-{fence}", "action": action, "fence": fence}}
        folder = tmp_path_factory.mktemp("run")
        inventory = folder / "inventory.yml"
        write(
            inventory,
            {"here": server(host, app, version)},
            {name: instance(host, app, name, ports[name], version, **usual | own) for name, own in instances.items()},
        )
        return play(folder, inventory, app, action)

    return once


@pytest.fixture
def module(capsys: pytest.CaptureFixture[str]) -> Module:
    """Calls one of our modules and gives its result."""

    def call(name: str, /, *, check: bool = False, **parameters: Any) -> dict[str, Any]:
        given = {**parameters, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(given), pytest.raises(SystemExit):
            import_module(name).main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return call
