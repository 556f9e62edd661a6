"""The gate before the instances of a run: nothing acts on one before the worker has written that its turn has come.

The connection plugins ask here before each task. So one job of a run can be stopped and the others go on, and after a
lost run it is known which instances may be half done.
"""

import os
import socketserver
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from worker import passing, processes
from worker.passing import AT, TASK
from worker.processes import Process, Stopped

LONGEST_DEATH = 5.0  # seconds that the killed get to be gone


class Gate:
    """`say`: tells the worker something; `instances`: the names of those that must ask."""

    def __init__(self, say: Callable[[dict[str, Any]], None], instances: Iterable[str]) -> None:
        self._say = say
        self._instances = frozenset(instances)
        self._changed = threading.Condition()
        self._asked: set[str] = set()
        self._admitted: set[str] = set()
        self._refused: set[str] = set()

    def open(self, folder: Path) -> None:
        """Listen there from now on."""

        class Asked(socketserver.StreamRequestHandler):
            def handle(handler) -> None:  # noqa: N805 - self is the gate
                name = handler.rfile.readline().decode().strip()
                handler.wfile.write(b"go\n" if self.passes(name) else b"no\n")

        server = socketserver.ThreadingUnixStreamServer(str(folder / passing.SOCKET), Asked)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def passes(self, name: str) -> bool:
        """Whether a task may act on this host; waits until that is known."""
        if name not in self._instances:
            return True
        with self._changed:
            if name not in self._asked:
                self._asked.add(name)
                self._say({"begin": name})
            self._changed.wait_for(lambda: name in self._admitted | self._refused)
            return name not in self._refused

    def admit(self, names: Iterable[str]) -> None:
        with self._changed:
            self._admitted.update(names)
            self._changed.notify_all()

    def refuse(self, names: Iterable[str]) -> None:
        with self._changed:
            self._refused.update(names)
            self._changed.notify_all()

    def stop(self, names: Sequence[str]) -> None:
        """Let no task of these begin any more, kill those that are under way, and tell what that was."""
        self.refuse(names)
        for name in names:
            threading.Thread(target=self._kill, args=[name], daemon=True).start()  # which may take its time

    def _kill(self, name: str) -> None:
        self._say({"stopped": name, "what": asdict(killed(lambda: _tasks(name)))})


def _tasks(name: str) -> list[Process]:
    """All processes that act for an instance; not those of Ansible that see to its tasks."""
    tree = processes.below(os.getpid())
    acting = [each for each in tree if each.name == TASK.format(name)]
    watched = [each for each in tree if each.name in {AT.format(name), TASK.format(name)}]
    return acting + [each for parent in watched for each in processes.below(parent.pid) if each not in acting]


def killed(find: Callable[[], list[Process]]) -> Stopped:
    """Kill these, and look whether they are really gone."""
    began, there = time.monotonic(), find()
    told = [(each.name, processes.command(each)) for each in there]
    left = there
    while left and time.monotonic() < began + LONGEST_DEATH:
        processes.kill(left)
        time.sleep(0.02)
        left = [each for each in {*there, *find()} if processes.lives(each)]
    return Stopped(told, len(left), time.monotonic() - began)
