"""Starts processes in order, watches them, and stops them: the programs first, then the servers they stand on."""

import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from provisioner.embedded.layout import Layout
from provisioner.embedded.processes import guardian
from provisioner.embedded.processes.child import TICK, Child, Show
from provisioner.embedded.processes.lock import held
from provisioner.embedded.processes.service import CannotStart, Service

STEADY = 60  # seconds after which an earlier failure no longer counts
LONGEST_PAUSE = 30
VITAL_ATTEMPTS = 3
LONGEST_LOG = 5_000_000  # bytes, when a run begins


@dataclass
class Kept:
    """A child, and how often it had to be started again lately."""

    child: Child
    since: float = field(default_factory=time.monotonic)
    attempts: int = 0
    due: float | None = None  # when to start it again

    def pause(self, now: float) -> float:
        self.attempts = 1 if now - self.since > STEADY else self.attempts + 1
        return 0 if self.child.service.vital else min(2 ** (self.attempts - 1), LONGEST_PAUSE)


class Keeper:
    """Holds the state folder's lock; when it leaves, none of its processes is left, nor any of an earlier run."""

    def __init__(self, layout: Layout, show: Show, say: Callable[[str], None]) -> None:
        self.signals = 0
        self._layout = layout
        self._state_dir = str(layout.state_dir)
        self._run = uuid.uuid4().hex
        self._show = show
        self._say = say
        self._kept: list[Kept] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._layout.create()
        with ExitStack() as opened:
            opened.enter_context(held(self._layout.lock))
            guardian.end(lambda: guardian.belonging(self._state_dir))
            self._turn_over_logs()
            opened.callback(guardian.start(self._state_dir, self._run).communicate)
            self._open = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._open:  # the last to go is the guardian, and with it whatever is left
            children = [kept.child for kept in reversed(self._kept)]
            self._stop([child for child in children if child.service.finishes])
            self._stop([child for child in children if not child.service.vital])
            self._stop([child for child in children if child.service.vital])

    def heed(self, *_: object) -> None:
        """The handler of the signals that end the run; the second one loses patience."""
        self.signals += 1

    def start(self, service: Service) -> None:
        """Start it and wait until it is ready, or done if it is a step that runs once."""
        if self._leaving():
            return
        kept = Kept(self._child(service))
        self._kept.append(kept)
        kept.child.start()
        kept.child.settle(abandoned=self._leaving)
        self._say(f"{service.name} {'done' if service.once else 'ready'} in {time.monotonic() - kept.since:.1f} s")
        if service.once:
            self._kept.remove(kept)

    def run(self, service: Service) -> None:
        """Run a step while watching the others."""
        child = self._child(service)
        child.start()
        try:
            self.watch(until=lambda: child.ended() is not None)
        finally:
            self._stop([child])
        if not self._leaving() and child.ended() != "status 0":
            raise CannotStart("%(name)s failed (%(how)s).", name=service.name, how=child.ended())

    def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Start again what dies, until a signal comes or the condition holds."""
        while not self._leaving() and not until():
            for kept in self._kept:
                self._mend(kept)
            time.sleep(5 * TICK)

    def _mend(self, kept: Kept) -> None:
        how = kept.child.ended()
        now = time.monotonic()
        if how is None:
            return
        if kept.due is None:
            self._plan_restart(kept, how, now)
        elif now >= kept.due:
            self._restart(kept)

    def _plan_restart(self, kept: Kept, how: str, now: float) -> None:
        """What it left running goes first: two generations side by side would get in each other's way."""
        service = kept.child.service
        guardian.end(lambda: guardian.belonging(self._state_dir, self._run, service.name))
        pause = kept.pause(now)
        if service.vital and kept.attempts > VITAL_ATTEMPTS:
            raise CannotStart(
                "%(name)s keeps stopping (%(how)s): see %(log)s.", name=service.name, how=how, log=str(service.log)
            )
        self._say(f"{service.name} stopped ({how}), starting it again in {pause:.0f} s")
        kept.due = now + pause

    def _restart(self, kept: Kept) -> None:
        kept.due, kept.since = None, time.monotonic()
        kept.child.start()
        if kept.child.service.vital:
            kept.child.settle(abandoned=self._leaving)

    def _stop(self, children: list[Child]) -> None:
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.stop(self._hurried)

    def _leaving(self) -> bool:
        return self.signals > 0

    def _hurried(self) -> bool:
        return self.signals > 1

    def _child(self, service: Service) -> Child:
        mark = guardian.mark(self._state_dir, self._run, service.name)
        return Child(service, {guardian.MARK: mark}, self._show)

    def _turn_over_logs(self) -> None:
        for log in self._layout.logs.glob("*.log"):
            if log.stat().st_size > LONGEST_LOG:
                log.rename(log.with_suffix(".log.1"))
