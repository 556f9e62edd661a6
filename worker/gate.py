"""The gate before the instances of a run: nothing acts on one before the worker has written that its turn has come.

The connection plugins ask here before each task. So one job of a run can be stopped and the others go on, and after a
lost run it is known which instances may be half done.
"""

import os
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from worker import passing, processes
from worker.passing import AT, TASK
from worker.processes import Process, Stopped


class Gate:
    """`say`: tells the worker something; `instances`: the names of those that must ask."""

    def __init__(self, say: Callable[[dict[str, Any]], None], instances: Iterable[str]) -> None:
        self._say = say
        self._instances = frozenset(instances)
        self._changed = threading.Condition()
        self._asked: set[str] = set()
        self._admitted: set[str] = set()
        self._refused: set[str] = set()
        self._inside: Counter[str] = Counter()  # tasks that were let through and have not ended

    def open(self, folder: Path) -> None:
        """Listen there from now on."""

        class Asked(socketserver.StreamRequestHandler):
            def handle(handler) -> None:  # noqa: N805 - self is the gate
                name = handler.rfile.readline().decode().strip()
                if not self._enters(name):
                    handler.wfile.write(b"no\n")
                    return
                try:
                    handler.wfile.write(b"go\n")
                    handler.rfile.read()  # until the task has ended
                finally:
                    self._leaves(name)

        server = socketserver.ThreadingUnixStreamServer(str(folder / passing.SOCKET), Asked)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def _enters(self, name: str) -> bool:
        """Whether a task may act on this host; waits until that is known."""
        with self._changed:
            if name in self._instances and name not in self._asked:
                self._asked.add(name)
                self._say({"begin": name})
            self._changed.wait_for(lambda: name not in self._instances or name in self._admitted | self._refused)
            if name in self._refused:
                return False
            self._inside[name] += 1
            return True

    def _leaves(self, name: str) -> None:
        with self._changed:
            self._inside[name] -= 1

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
        self._say({"stopped": name, "what": asdict(killed(lambda: _tasks(name), lambda: self._inside[name] > 0))})


def _tasks(name: str) -> list[Process]:
    """All processes that act for an instance; not those of Ansible that see to its tasks."""
    tree = processes.below(os.getpid())
    acting = [each for each in tree if each.name == TASK.format(name)]
    watched = [each for each in tree if each.name in {AT.format(name), TASK.format(name)}]
    return acting + [each for parent in watched for each in processes.below(parent.pid) if each not in acting]


def killed(find: Callable[[], list[Process]], goes_on: Callable[[], bool]) -> Stopped:
    """Kill these until there are none and nobody `goes_on`, who may be just about to start some; and look whether they
    are really gone.
    """
    began = time.monotonic()
    there: dict[tuple[int, int], Process] = {}
    told: list[tuple[str, str]] = []
    while True:
        more = goes_on()  # asked first: what it started before it ended is found
        new = [each for each in find() if there.setdefault((each.pid, each.started), each) is each]
        told += [(each.name, processes.command(each)) for each in new]
        left = [each for each in there.values() if processes.lives(each)]
        processes.kill(left)
        lasted = time.monotonic() - began
        if not (left or more) or lasted > processes.LONGEST_DEATH:
            return Stopped(told, len(left) or int(more), lasted)
        time.sleep(0.02)
