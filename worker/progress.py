"""How far a run has come on its instances: what it is at, and whether anything may be different there. Pure."""

import re
from collections.abc import Collection
from enum import StrEnum

from provisioner.jobs.events import Event

# Tasks that the controller carries out by itself.
AT_HOME = {
    "add_host", "assert", "debug", "fail", "group_by", "import_role", "include_role", "include_tasks", "include_vars",
    "meta", "pause", "set_fact", "set_stats", "validate_argument_spec",
}  # fmt: skip
# Tasks that go to the host and leave the instance as it is: they look at it, or write beside it.
HARMLESS = {"backup_archive", "backup_fetch", "instance_backup", "instance_guard", "stat"}
NOT_ADMITTED = re.compile(r"Host key verification failed|Permission denied \(|Too many authentication failures")
NO_ANSWER = re.compile(
    r"connect to (host|address) .*: (Connection refused|Connection timed out|No route to host|Network is unreachable)"
    r"|Connection timed out during banner exchange|kex_exchange_identification|Could not resolve hostname"
)


class Door(StrEnum):
    """How far a connection that failed had come."""

    NO_ANSWER = "no_answer"  # nobody there, or nobody who speaks
    NOT_ADMITTED = "not_admitted"  # the wrong one is there, or it does not know us
    BEYOND = "beyond"  # we may have been inside


def door(said: str) -> Door:
    """What ssh's words mean, as Ansible passes them on; in doubt we were inside."""
    if NOT_ADMITTED.search(said):
        return Door.NOT_ADMITTED
    return Door.NO_ANSWER if NO_ANSWER.search(said) else Door.BEYOND


def module_of(event: Event) -> str:
    return event.module.rpartition(".")[2]


class Progress:
    """Hears every event of a run."""

    def __init__(self, instances: Collection[str]) -> None:
        self._instances = instances
        self._begun: dict[str, Event] = {}  # by host: the task that has begun there and not ended
        self._done: set[str] = set()  # hosts where one has ended that may have changed something
        self.reached: set[str] = set()  # instances for which there was a task, wherever it was carried out
        self.not_admitted: set[str] = set()  # hosts that did not let us in

    def touched(self, instance: str) -> bool:
        """Whether a task may have changed something on the instance."""
        begun = self._begun.get(instance)
        return instance in self._done or (begun is not None and module_of(begun) not in HARMLESS)

    @property
    def underway(self) -> dict[str, str]:
        """By host, the task that had begun and not ended there."""
        return {host: event.task for host, event in self._begun.items()}

    def hear(self, event: Event) -> None:
        if not event.host:
            return
        if event.host in self._instances:
            self.reached.add(event.host)
        if event.kind == "runner_on_unreachable":
            self._hear_unreachable(event)
        elif module_of(event) not in AT_HOME:
            self._hear_task(event)

    def _hear_task(self, event: Event) -> None:
        if event.kind == "runner_on_start":
            self._begun[event.host] = event
        elif event.kind.startswith("runner_on_"):
            self._begun.pop(event.host, None)
            self._end(event)

    def _end(self, event: Event) -> None:
        if module_of(event) not in HARMLESS:
            self._done.add(event.host)

    def _hear_unreachable(self, event: Event) -> None:
        self._begun.pop(event.host, None)
        found = door(str(event.result.get("msg", "")))
        if found is Door.NOT_ADMITTED:
            self.not_admitted.add(event.host)
        if found is Door.BEYOND:
            self._end(event)
