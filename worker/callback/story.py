"""The callback by which a run tells what happens in it, in the words of the worker (docs/decisions/0029).

It says a line of JSON for each event as it happens, and in the end one that sums up: `looked`, with the hosts that
failed and those that did not answer. What Ansible prints outside of any event is told as well, in its place.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partialmethod
from typing import IO, Any

from ansible.plugins.callback.default import CallbackModule as Default

from worker import telling
from worker.telling import Told

DOCUMENTATION = """
name: story
type: stdout
short_description: Tell the worker what happens
description:
  - As C(ansible.builtin.default), but each event is a line of JSON in a pipe.
options:
  pipe:
    description: Where the lines go.
    type: path
    required: true
    env:
      - name: PROVISIONER_STORY
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""

WIDTH = 80


class Pipe:
    """Takes events from whichever thread, and from this process alone."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        self._one_at_a_time = threading.Lock()
        os.register_at_fork(after_in_child=self._fall_silent)

    def say(self, message: Told) -> None:
        left = memoryview(telling.line(message).encode())
        with self._one_at_a_time:
            while left:
                left = left[os.write(self._descriptor, left) :]

    def _fall_silent(self) -> None:
        os.close(self._descriptor)


class Printed:
    """A stream: what a thread prints while it tells of an event is part of that, all else an event of its own."""

    def __init__(self, stream: IO[str], thread: threading.local, pipe: Pipe) -> None:
        self._stream = stream
        self._thread = thread
        self._pipe = pipe

    def write(self, text: str) -> int:
        if (page := getattr(self._thread, "page", None)) is not None:
            page.append(text)
        elif text.strip():
            self._pipe.say(telling.event("verbose", text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class CallbackModule(Default):  # type: ignore[misc] # ansible ships no types
    CALLBACK_NAME = "story"

    def set_options(self, *given: Any, **named: Any) -> None:
        super().set_options(*given, **named)
        self._at = ""  # the play
        self._thread = threading.local()
        self._pipe = Pipe(self.get_option("pipe"))
        sys.stdout, sys.stderr = (Printed(each, self._thread, self._pipe) for each in (sys.stdout, sys.stderr))

    def v2_playbook_on_play_start(self, play: Any) -> None:
        hosts = play.hosts if isinstance(play.hosts, str) else ",".join(play.hosts)
        self._at = play.get_name().strip() or hosts
        with self._telling("playbook_on_play_start"):
            super().v2_playbook_on_play_start(play)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Instances go through the tasks in their own time, so each is told which task it begins."""
        with self._telling("runner_on_start", task, host) as page:
            name = " : ".join(filter(None, (_role(task), task.name or task.action)))
            page.append(f"\nTASK [{name}] ".ljust(WIDTH, "*"))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: FBT001, FBT002
        kind = "runner_on_ignored" if ignore_errors else "runner_on_failed"
        with self._telling(kind, result.task, result.host, result.result):
            super().v2_runner_on_failed(result, ignore_errors)

    def v2_on_file_diff(self, result: Any) -> None:
        with self._telling("runner_on_file_diff", result.task, result.host):
            super().v2_on_file_diff(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        with self._telling("playbook_on_stats"):
            super().v2_playbook_on_stats(stats)
        self._pipe.say({"looked": True, "failed": list(stats.failures), "unreachable": list(stats.dark)})

    def _tell_of_host(self, kind: str, result: Any) -> None:
        with self._telling(kind, result.task, result.host, result.result):
            _ours(kind)(self, result)

    def _tell(self, kind: str, *about: Any) -> None:
        with self._telling(kind):
            _ours(kind)(self, *about)

    v2_playbook_on_start = partialmethod(_tell, "playbook_on_start")
    v2_playbook_on_include = partialmethod(_tell, "playbook_on_include")
    v2_playbook_on_no_hosts_matched = partialmethod(_tell, "playbook_on_no_hosts_matched")
    v2_playbook_on_no_hosts_remaining = partialmethod(_tell, "playbook_on_no_hosts_remaining")
    v2_runner_on_ok = partialmethod(_tell_of_host, "runner_on_ok")
    v2_runner_on_skipped = partialmethod(_tell_of_host, "runner_on_skipped")
    v2_runner_on_unreachable = partialmethod(_tell_of_host, "runner_on_unreachable")
    v2_runner_on_async_poll = partialmethod(_tell_of_host, "runner_on_async_poll")
    v2_runner_on_async_ok = partialmethod(_tell_of_host, "runner_on_async_ok")
    v2_runner_on_async_failed = partialmethod(_tell_of_host, "runner_on_async_failed")
    v2_runner_item_on_ok = partialmethod(_tell_of_host, "runner_item_on_ok")
    v2_runner_item_on_failed = partialmethod(_tell_of_host, "runner_item_on_failed")
    v2_runner_item_on_skipped = partialmethod(_tell_of_host, "runner_item_on_skipped")
    v2_runner_retry = partialmethod(_tell_of_host, "runner_retry")

    @contextmanager
    def _telling(
        self, kind: str, task: Any = None, host: Any = None, result: Told | None = None
    ) -> Iterator[list[str]]:
        """Tell of an event, with what is printed meanwhile."""
        where = {"play": self._at, "host": host.get_name() if host else ""}
        if task:
            where |= {"role": _role(task), "task": str(task.name or task.action), "module": str(task.action)}
        came = telling.outcome(result) if result else {}  # now, for Ansible removes parts of it when it prints it
        page: list[str] = []
        self._thread.page = page
        try:
            yield page
        finally:
            self._thread.page = None
            self._pipe.say(telling.event(kind, "".join(page), **where) | came)

    def _print_task_banner(self, task: Any) -> None:
        """Told where it begins."""


def _ours(kind: str) -> Callable[..., None]:
    method: Callable[..., None] = getattr(Default, f"v2_{kind}")
    return method


def _role(task: Any) -> str:
    return task._role.get_name() if task._role else ""  # noqa: SLF001 - there is no other way to it
