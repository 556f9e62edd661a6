"""A host of instances for the session: the tenants' PostgreSQL and supervisord, both real."""

import json
import socket
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import ansible.module_utils
import pytest
from ansible.module_utils.testing import patch_module_args

from provisioner.embedded import host as embedded_host, postgres
from provisioner.embedded.layout import Layout
from provisioner.embedded.processes.keeper import Keeper

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
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    def run_once(inventory: Path, app: str, action: str) -> Run:
        return play(tmp_path_factory.mktemp("run"), inventory, app, action)

    return run_once


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """A port that nobody listens on, another one each time."""
    ports = iter(PORTS)

    def is_free(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    return lambda: next(port for port in ports if is_free(port))


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
