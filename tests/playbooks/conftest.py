"""A host of instances for the session: the tenants' PostgreSQL and supervisord, both real."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import ansible.module_utils
import pytest
from ansible.module_utils.testing import patch_module_args

from provisioner.embedded import host as embedded_host, postgres
from provisioner.embedded.layout import Layout
from provisioner.embedded.processes.keeper import Keeper
from worker import warm
from worker.inventory import write

from .inventory import HOSTILE, instance, server
from .proxies import Nginx
from .runs import PLAYBOOKS, TARGET, Run, play, with_the_template
from .whole_life import KINDS, Life

# Where Ansible would find them: our modules, and what they share.
sys.path.insert(0, str(PLAYBOOKS / "library"))
ansible.module_utils.__path__.append(str(PLAYBOOKS / "module_utils"))

PORTS = range(21000, 22000)  # below those from which outgoing connections take theirs

Module = Callable[..., dict[str, Any]]


@contextmanager
def machine(folder: Path, wheels: Path) -> Iterator[Layout]:
    """This machine as a host of instances below the folder."""
    layout = Layout(folder)
    with Keeper(layout, show=lambda *_: None, say=lambda *_: None) as keeper:
        for step in [*postgres.tenants(layout, durable=False), embedded_host.supervisor(layout)]:
            keeper.start(step)
        (layout.state_dir / "wheels").symlink_to(wheels)
        yield layout


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Layout]:
    with machine(tmp_path_factory.mktemp("host"), request.config.cache.mkdir("wheels")) as layout:
        yield layout


@pytest.fixture(scope="session", autouse=True)
def warm_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What carries out the modules of all runs in this session, as in the sandbox of a job."""
    folder = tmp_path_factory.mktemp("warm")
    command = [sys.executable, "-c", TARGET, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as waiting, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANSIBLE_WARM_SOCKET", str(folder / warm.TARGET))
        yield
        waiting.communicate()


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
def playbooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_the_template(tmp_path_factory.mktemp("project") / "playbooks")


@pytest.fixture(scope="session")
def act(
    host: Layout, ports: dict[str, int], playbooks: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Run]:
    """Runs an action of an app on instances, given what is peculiar to each: at least its release."""

    def once(action: str, app: str, version: str, fence: int, instances: dict[str, dict[str, Any]], **how: Any) -> Run:
        usual = {"administration": HOSTILE, "job": {"id": f"job-{fence}", "action": action, "fence": fence}}
        folder = tmp_path_factory.mktemp("run")
        inventory = folder / "inventory.yml"
        write(
            inventory,
            {"here": server(host, app, version)},
            {name: instance(host, app, name, ports[name], version, **usual | own) for name, own in instances.items()},
        )
        return play(folder, inventory, f"apps/{app}/{action}.yml", **{"playbooks": playbooks, **how})

    return once


@pytest.fixture(scope="class")
def life(request: pytest.FixtureRequest, act: Callable[..., Run], host: Layout, address: Callable[[str], str]) -> Life:
    """The instance of an app whose whole life a class of tests leads."""
    [(number, kind)] = [(number, kind) for number, kind in enumerate(KINDS) if kind.app == request.cls.app]
    life = Life(kind, f"life{number}", host, address(f"life{number}"), act, kind.old)
    life.well("provision", release={"version": kind.old, "previous_version": ""})
    life.write("before everything")
    return life


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


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose name is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="p-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def proxy_ports(free_port: Callable[[], int]) -> tuple[int, int]:
    """Those of one proxy after the other."""
    return free_port(), free_port()


@pytest.fixture
def nginx(module: Module, short: Path, proxy_ports: tuple[int, int]) -> Iterator[Nginx]:
    """The proxy of a host, which runs and serves no name."""
    proxy = Nginx(short / "proxy", *proxy_ports)
    assert module("host_proxy", **proxy.parameters)["changed"]
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
