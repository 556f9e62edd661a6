"""Listening to a run: its events go to the database, the database's word goes back to it."""

import os
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import OperationalError

from provisioner.config import settings
from provisioner.db import Json, transaction
from provisioner.hosts.models import Connection
from provisioner.instances.variables import RunOrder
from provisioner.jobs import attempts, events
from provisioner.jobs.attempts import Beat, Claim, Outcome
from provisioner.jobs.claiming import Batch
from provisioner.jobs.events import Event
from provisioner.jobs.lifecycle import End
from provisioner.jobs.redaction import Redactor
from worker.parts import Part, Parts
from worker.processes import Stopped
from worker.run import Run, passwords

TICK = 0.1
FLUSH_AFTER, FLUSH_LATEST = 0.02, 0.25  # seconds between the end of one flush and the next
# Storing takes at most one of so many seconds. Of a single job, for somebody may be reading along; of a batch.
FLUSH_SHARE, FLUSH_SHARE_OF_MANY = 10, 40
FLUSH_AT = 500  # events
LOOK = 1.0  # seconds
QUIET = 30.0  # seconds without a word, after which nobody hopes any more that a run in which nothing is done will end
LAST_WORDS = 60.0  # seconds in which a run that has ended has its last events stored
KILLED = frozenset({End.CANCELLED, End.DEADLINE, End.BROKEN, End.OUT_OF_MEMORY})  # where the run did not see the end
MOST, NAMED, BRIEF = 50, ("name", "command"), 200  # processes of a stopped run that are kept, and characters of each

log = structlog.get_logger()


class Lost(Exception):
    """The lease could not be kept; the run was killed."""


class Follower:
    """Follows one run to its end, heartbeat and all, in a single thread.

    While the database is away events wait in memory and in the pipe; when it stays away longer than `patience` seconds,
    the supervisor has killed the run by then, and so do we.
    """

    def __init__(self, batch: Batch, run: Run, order: RunOrder, patience: float, proven: float) -> None:
        self._run = run
        self._order = order
        self._patience = patience
        self._redact = Redactor({*order.secrets, *passwords(os.environ)})
        self._parts = Parts(dict(zip(order.instances, batch.claims, strict=True)))
        self._open = list(self._parts)  # those of which the end is not written yet
        self._asking: list[Part] = []  # whose turn has come and is not written yet
        self._proven = proven
        self._flushed = self._beaten = self._looked = self._heard = time.monotonic()
        self._rest = FLUSH_AFTER
        self._share = FLUSH_SHARE if len(batch.claims) == 1 else FLUSH_SHARE_OF_MANY
        self._over = False

    def follow(self) -> Iterator[dict[Claim, Outcome]]:
        """Yields what came of jobs as soon as it is known, to be concluded; the last time, of all that are left."""
        while not self._over:
            self._listen()
            self._let_begin()
            self._flush_if_due()
            self._beat_if_due()
            self._look_if_due()
            if left_early := [part for part in self._open if part.end and not self._over]:
                yield self._ended(left_early)
        self._run.kill()
        self._hear_the_rest()
        self._judge_silence()
        yield self._ended(self._open)

    def _ended(self, parts: list[Part]) -> dict[Claim, Outcome]:
        self._flush_all()
        self._open = [part for part in self._open if part not in parts]
        return {part.claim: self._outcome(part) for part in parts}

    def _listen(self) -> None:
        """While more waits than is stored at once nothing is read: the pipe fills, and the run waits for us."""
        if self._parts.waiting >= FLUSH_AT:
            return
        due = self._flushed + self._rest - time.monotonic()
        said = self._run.messages(min(TICK, max(due, 0.0)) if self._parts.waiting else TICK)
        for message in said or ():
            self._take(message)
        if said is None:
            self._over = True

    def _hear_the_rest(self) -> None:
        """What was said before the run was killed counts, too."""
        while (said := self._run.messages(TICK)) is not None:
            for message in said:
                self._take(message)

    def _judge_silence(self) -> None:
        """Why it ended without a word, if it did."""
        if not list(self._parts):
            return
        if self._run.gave_up:
            raise Lost  # the database answered too late for the run, if not for us
        self._parts.break_off(End.OUT_OF_MEMORY if self._run.out_of_memory else End.BROKEN)

    def _outcome(self, part: Part) -> Outcome:
        progress = self._parts.progress
        # What a task did before it was killed may not have been told.
        touched = progress.touched(part.name) or (part.begun and part.end in KILLED)
        if part.stopped:
            told = {part.name, *self._order.servers}
            part.stopped["tasks"] = {
                host: self._brief(task) for host, task in progress.underway.items() if host in told
            }
        return part.outcome(touched=touched)

    def _take(self, message: dict[str, Any]) -> None:
        self._heard = time.monotonic()
        if "end" in message:
            self._parts.end(message, self._order.servers)
            self._over = True
        elif "begin" in message:
            self._asking.append(self._parts[message["begin"]])
        elif "stopped" in message:
            part = self._parts[message["stopped"]]
            part.stopped, part.end = self._told_of(Stopped(**message["what"])), part.ending
        else:
            event = Event(counter=0, **self._redact(message))
            self._parts.hear(event)
            if event.kind == "runner_on_unreachable" and event.host in self._order.instances:
                self._refuse([part for part in self._parts if not part.begun])  # they are all on that server

    def _let_begin(self) -> None:
        """Whose turn has come begins once that is written; who was cancelled meanwhile does not."""
        asking = [part for part in self._asking if not part.refused]
        if asking:
            try:
                with transaction():
                    admitted = attempts.begin([part.claim for part in asking])
            except OperationalError:
                self._still_ours()
                return
            for part in asking:
                part.begun = part.claim.job_id in admitted
            self._run.admit([part.name for part in asking if part.begun])
            self._refuse([part for part in asking if not part.begun])
        self._asking.clear()

    def _refuse(self, parts: list[Part]) -> None:
        for part in parts:
            part.refused = True
        self._run.refuse([part.name for part in parts])

    def _flush_if_due(self) -> None:
        waiting = self._parts.waiting
        if waiting >= FLUSH_AT or (waiting and time.monotonic() - self._flushed >= self._rest):
            self._flush()

    def _flush(self) -> None:
        """What is said seldom is stored at once; where much is said, more of it together."""
        began = time.monotonic()
        told = self._parts.next(FLUSH_AT)
        try:
            with transaction():
                events.store(told)
        except OperationalError:
            self._still_ours()
            return
        self._parts.stored(told)
        self._flushed = time.monotonic()
        self._rest = min(max(FLUSH_AFTER, self._share * (self._flushed - began)), FLUSH_LATEST)

    def _flush_all(self) -> None:
        """All that was said is kept if it can be soon. How a job ended counts more than every word of it."""
        give_up = time.monotonic() + LAST_WORDS
        while self._parts.waiting and time.monotonic() < give_up:
            self._flush()
            self._beat_if_due()
            if self._parts.waiting:
                time.sleep(TICK)

    def _beat_if_due(self) -> None:
        if time.monotonic() - self._beaten < settings().heartbeat:
            return
        asked = time.monotonic()
        try:
            with transaction():
                beats = attempts.heartbeat([part.claim for part in self._open])
        except OperationalError:
            self._still_ours()
            return
        self._proven, self._beaten = asked, time.monotonic()
        if not self._over:
            self._run.prove(asked)
            self._heed(beats)

    def _look_if_due(self) -> None:
        """Between heartbeats, only see whether the run shall go on: a cancel must not wait for the next one."""
        if self._over or time.monotonic() - self._looked < LOOK:
            return
        self._looked = time.monotonic()
        try:
            with transaction():
                beats = attempts.look([part.claim for part in self._open])
        except OperationalError:
            self._still_ours()
            return
        self._heed(beats)

    def _heed(self, beats: dict[UUID, Beat]) -> None:
        stopping = [part for part in self._parts if not part.ending and self._is_to_stop(part, beats)]
        if not stopping:
            return
        log.warning("stopping", jobs=[str(part.claim.job_id) for part in stopping])
        if all(part.ending for part in self._parts):
            self._stop_all()
        else:
            self._run.stop_some([part.name for part in stopping])

    def _is_to_stop(self, part: Part, beats: dict[UUID, Beat]) -> bool:
        beat = beats[part.claim.job_id]
        if beat.cancel_requested:
            part.ending = End.CANCELLED
        elif beat.past_deadline and not self._may_be_through(part):
            part.ending = self._parts.too_late(part)
        return part.ending is not None

    def _may_be_through(self, part: Part) -> bool:
        """Whether nothing is done on its instance while the run goes on, which tells at its end how that ended there.

        If there is more to do it is asked again, and then something is done.
        """
        busy = self._parts.busy
        return part.begun and part.name not in busy and (bool(busy) or time.monotonic() - self._heard < QUIET)

    def _stop_all(self) -> None:
        """Kill it all, and keep what that was: people want to know before they decide how it goes on."""
        stopped = self._run.stop()
        for part in self._parts:
            part.stopped = self._told_of(stopped)
        self._over = True

    def _told_of(self, stopped: Stopped) -> Json:
        return {
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
