"""Listening to a run: its events go to the database, the database's word goes back to it."""

import time
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError

from provisioner.config import settings
from provisioner.db import Json, transaction
from provisioner.instances.variables import RunOrder
from provisioner.jobs import attempts, events
from provisioner.jobs.attempts import Claim, Outcome
from provisioner.jobs.events import Event
from provisioner.jobs.lifecycle import End
from provisioner.jobs.redaction import Redactor
from worker.run import Run

TICK = 0.1
FLUSH_AFTER = 0.25  # seconds
FLUSH_AT = 500  # events

log = structlog.get_logger()


class Lost(Exception):
    """The lease could not be kept; the run was killed."""


class Follower:
    """Follows one run to its end, heartbeat and all, in a single thread.

    While the database is away events wait in memory and in the pipe; when it stays away longer than `patience` seconds,
    the supervisor has killed the run by then, and so do we.
    """

    def __init__(self, claim: Claim, run: Run, order: RunOrder, patience: float, proven: float) -> None:
        self._claim = claim
        self._run = run
        self._order = order
        self._patience = patience
        self._redact = Redactor(order.secrets)
        self._waiting: list[Event] = []
        self._proven = proven
        self._flushed = self._beaten = time.monotonic()
        self._emitted = 0
        self._touched = False
        self._report: Json = {}
        self._end: End | None = None

    def follow(self) -> Outcome:
        while self._end is None:
            said = self._run.messages(TICK)
            for message in said or ():
                self._take(message)
            self._flush_if_due()
            self._beat_if_due()
            if said is None:
                self._end = self._end or End.BROKEN
        self._run.kill()
        if self._end is End.BROKEN and self._run.gave_up:
            raise Lost  # the database answered too late for the run, if not for us
        self._hear_the_rest()
        self._flush_all()
        return Outcome(self._end, touched=self._touched, report=self._report, events_emitted=self._emitted)

    def _hear_the_rest(self) -> None:
        """What was said before the run was killed counts, too."""
        while (said := self._run.messages(0)) is not None:
            for message in said:
                self._take(message)
        if self._end is End.SUCCEEDED and not self._touched:
            self._end = End.BROKEN  # nothing ran on the instance

    def _take(self, message: dict[str, Any]) -> None:
        if "end" in message:
            ended = End.UNREACHABLE if message["unreachable"] else End.FAILED
            self._end = self._end or (End.SUCCEEDED if message["end"] == "successful" else ended)
            return
        event = Event(**self._redact(message))
        self._emitted += 1
        self._waiting.append(event)
        if event.host in self._order.instances:
            self._touched = True
            report = events.printable(event.result.get("prov_report"))
            self._report |= report if isinstance(report, dict) else {}

    def _flush_if_due(self) -> None:
        if self._waiting and (len(self._waiting) >= FLUSH_AT or time.monotonic() - self._flushed >= FLUSH_AFTER):
            self._flush()

    def _flush(self) -> None:
        try:
            with transaction():
                events.store(self._claim, self._waiting[:FLUSH_AT], self._emitted)
        except OperationalError:
            self._still_ours()
            return
        del self._waiting[:FLUSH_AT]
        self._flushed = time.monotonic()

    def _flush_all(self) -> None:
        """The run is over; what it said is kept as long as the lease can be."""
        while self._waiting:
            self._flush()
            self._beat_if_due()
            if self._waiting:
                time.sleep(TICK)

    def _beat_if_due(self) -> None:
        if time.monotonic() - self._beaten < settings().heartbeat:
            return
        asked = time.monotonic()
        try:
            with transaction():
                beat = attempts.heartbeat(self._claim)
        except OperationalError:
            self._still_ours()
            return
        self._proven, self._beaten = asked, time.monotonic()
        if self._end is not None:
            return
        self._run.prove(asked)
        if beat.cancel_requested or beat.past_deadline:
            log.warning("stopping the run", cancelled=beat.cancel_requested)
            self._run.kill()
            self._end = End.CANCELLED if beat.cancel_requested else End.DEADLINE

    def _still_ours(self) -> None:
        if time.monotonic() - self._proven > self._patience:
            raise Lost
        time.sleep(TICK)
