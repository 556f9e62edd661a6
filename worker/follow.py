"""Listening to a run: its events go to the database, the database's word goes back to it."""

import os
import time
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError

from provisioner.config import settings
from provisioner.db import Json, transaction
from provisioner.hosts.models import Connection
from provisioner.instances.variables import RunOrder
from provisioner.jobs import attempts, events
from provisioner.jobs.attempts import Beat, Claim, Outcome
from provisioner.jobs.events import Event
from provisioner.jobs.lifecycle import End
from provisioner.jobs.redaction import Redactor
from worker.progress import Progress
from worker.run import Run, passwords

TICK = 0.1
FLUSH_AFTER = 0.25  # seconds
FLUSH_AT = 500  # events
LOOK = 1.0  # seconds
LAST_WORDS = 60.0  # seconds in which a run that has ended has its last events stored
MOST, NAMED, BRIEF = 50, ("name", "command"), 200  # processes of a stopped run that are kept, and characters of each
ENDS = {"successful": End.SUCCEEDED, "failed": End.FAILED}

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
        self._redact = Redactor({*order.secrets, *passwords(os.environ)})
        self._waiting: list[Event] = []
        self._proven = proven
        self._flushed = self._beaten = self._looked = time.monotonic()
        self._emitted = 0
        self._progress = Progress(order.instances)
        self._report: Json = {}
        self._stopped: Json | None = None
        self._end: End | None = None

    def follow(self) -> Outcome:
        while self._end is None:
            self._listen()
            self._flush_if_due()
            self._beat_if_due()
            self._look_if_due()
        self._run.kill()
        self._judge_silence()
        self._hear_the_rest()
        self._flush_all()
        return self._outcome(self._end)

    def _listen(self) -> None:
        """While more waits than is stored at once nothing is read: the pipe fills, and the run waits for us."""
        if len(self._waiting) >= FLUSH_AT:
            return
        said = self._run.messages(TICK)
        for message in said or ():
            self._take(message)
        if said is None:
            self._end = self._end or End.BROKEN

    def _judge_silence(self) -> None:
        """Why it ended without a word, if it did."""
        if self._end is not End.BROKEN:
            return
        if self._run.gave_up:
            raise Lost  # the database answered too late for the run, if not for us
        if self._run.out_of_memory:
            self._end = End.OUT_OF_MEMORY

    def _outcome(self, end: End) -> Outcome:
        touched = self._progress.touched
        if self._stopped:
            self._stopped["tasks"] = {host: self._brief(task) for host, task in self._progress.underway.items()}
            touched |= self._stopped["left"] > 0  # what could not be killed acts on
        return Outcome(end, touched, self._report, self._emitted, self._stopped)

    def _hear_the_rest(self) -> None:
        """What was said before the run was killed counts, too."""
        while (said := self._run.messages(TICK)) is not None:
            for message in said:
                self._take(message)
        if self._end is End.SUCCEEDED and not self._progress.reached:
            self._end = End.BROKEN  # nothing ran on the instance

    def _take(self, message: dict[str, Any]) -> None:
        if "end" in message:
            self._take_end(message)
            return
        event = Event(**self._redact(message))
        self._emitted += 1
        self._waiting.append(event)
        self._progress.hear(event)
        if event.host in self._order.instances:
            report = events.printable(event.result.get("prov_report"))
            self._report |= report if isinstance(report, dict) else {}

    def _take_end(self, message: dict[str, Any]) -> None:
        if self._end is not None and message["end"] != "successful":
            return  # we ended it before, and not too late
        self._end = ENDS.get(message["end"], End.BROKEN)
        if message["unreachable"]:
            self._end = End.NOT_ADMITTED if self._progress.not_admitted else End.UNREACHABLE
        if message.get("reason"):
            self._report |= {"reason": message["reason"]}

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
        """The run is over; what it said is kept if it can be soon. How it ended counts more than every word of it."""
        give_up = time.monotonic() + LAST_WORDS
        while self._waiting and time.monotonic() < give_up:
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
        self._heed(beat)

    def _look_if_due(self) -> None:
        """Between heartbeats, only see whether the run shall go on: a cancel must not wait for the next one."""
        if self._end is not None or time.monotonic() - self._looked < LOOK:
            return
        self._looked = time.monotonic()
        try:
            with transaction():
                beat = attempts.look(self._claim)
        except OperationalError:
            self._still_ours()
            return
        self._heed(beat)

    def _heed(self, beat: Beat) -> None:
        if beat.cancel_requested or beat.past_deadline:
            log.warning("stopping the run", cancelled=beat.cancel_requested)
            self._stop()
            self._end = End.CANCELLED if beat.cancel_requested else End.DEADLINE

    def _stop(self) -> None:
        """Kill it all, and keep what that was: people want to know before they decide how it goes on."""
        stopped = self._run.stop()
        self._stopped = {
            "processes": [dict(zip(NAMED, map(self._brief, each), strict=True)) for each in stopped.processes[:MOST]],
            "count": len(stopped.processes),
            "left": stopped.left,
            "seconds": round(stopped.seconds, 1),
            "remote": any(each["ansible_connection"] == Connection.SSH for each in self._order.servers.values()),
        }

    def _brief(self, text: str) -> str:
        clean: str = events.printable(self._redact(text))  # first: half a secret would not be known as one
        return clean if len(clean) <= BRIEF else f"{clean[:BRIEF]}…"

    def _still_ours(self) -> None:
        if time.monotonic() - self._proven > self._patience:
            raise Lost
        time.sleep(TICK)
