"""What stands ready in the sandbox of a run: an `ansible-playbook`, and a Python for its modules.

Both are forks of the supervisor that have imported what each call would import (docs/decisions/0024, 0025). They are
made before the run has its order and die with it, so nothing goes from one run to another.
"""

import gc
import os
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from worker import calling, forking, processes

CONTROLLER, TARGET = "controller", "target"  # their sockets in the private folder of the run
PROGRAM = "ansible-playbook"
# What Ansible imports late, in every run. Nothing that a folder of playbooks may bring in its stead.
LATE = (
    "ansible.utils._junit_xml",
    "ansible.playbook.handler_task_include",
    "multiprocessing.resource_tracker",
    "multiprocessing.shared_memory",
    "multiprocessing.synchronize",
    "xml.dom.minidom",
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
    main: Callable[[list[str]], None] = import_module("ansible.cli.playbook").main
    import_module("ansible.plugins.loader").init_plugin_loader()
    warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")  # the run tries it again
    for name in ("ansible_collections.ansible.builtin", *LATE):
        import_module(name)

    def play(argv: list[str]) -> None:
        processes.call_itself(" ".join(argv))
        sys.argv = argv
        main(argv)

    return play


def _become_target() -> Callable[[list[str]], None]:
    act: Callable[[list[str]], None] = import_module("worker.target").act
    return act
