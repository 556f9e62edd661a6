"""What stands ready in the sandbox of a run: an `ansible-playbook`, and a Python for its modules.

Both are forks of the supervisor that have imported what each call would import (docs/decisions/0024, 0025). They are
made before the run has its order and die with it, so nothing goes from one run to another.
"""

import gc
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from worker import calling, forking, processes

CONTROLLER, TARGET = "controller", "target"  # their sockets in the private folder of the run
PROGRAM = "ansible-playbook"
# What every run of ours uses, and Ansible imports late.
USED = (
    "ansible.cli.playbook",
    "ansible.executor.task_executor",
    "ansible.executor.module_common",
    "ansible.plugins.action.normal",
    "ansible.plugins.connection.local",
    "ansible.plugins.strategy.linear",
)


class Controller:
    """An `ansible-playbook` that is ready to be called, for a run with exactly this environment and configuration."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._socket = folder / CONTROLLER
        self._made_for = _decisive(environment)
        _start(self._socket, lambda: _become_controller(environment))

    def instead_of(self, command: list[str], environment: dict[str, str]) -> list[str]:
        """The command that calls it, or the very same where what it has read would not hold for this run."""
        if command[0] != PROGRAM or _decisive(environment) != self._made_for:
            sys.stderr.write("The configuration has changed: ansible-playbook is started anew.\n")
            return command
        return [sys.executable, "-I", "-S", calling.__file__, str(self._socket), *command]


def _decisive(environment: dict[str, str]) -> tuple[dict[str, str], bytes]:
    """What Ansible reads when it is imported."""
    variables = {name: value for name, value in environment.items() if name.startswith("ANSIBLE_")}
    file = Path(environment["ANSIBLE_CONFIG"])
    return variables, file.read_bytes() if file.exists() else b""


def start_target(folder: Path) -> None:
    """A Python that takes the modules of tasks on this machine."""
    _start(folder / TARGET, _become_target)


def _start(socket: Path, become: Callable[[], Callable[[list[str]], None]]) -> None:
    listener = forking.listen(socket)
    if not forking.alone():
        listener.close()
        return
    processes.call_itself(f"worker.supervisor ({socket.name})")
    act = become()
    gc.collect()
    gc.freeze()  # so that the forks do not write to what they share
    act(forking.serve(listener))
    sys.exit()


def _become_controller(environment: dict[str, str]) -> Callable[[list[str]], None]:
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [PROGRAM]
    for name in USED:
        import_module(name)
    return _play


def _play(argv: list[str]) -> None:
    processes.call_itself(" ".join(argv))
    sys.argv = argv
    import_module("ansible.cli.playbook").main(argv)


def _become_target() -> Callable[[list[str]], None]:
    act: Callable[[list[str]], None] = import_module("worker.target").act
    return act
