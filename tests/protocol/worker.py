"""A process of a worker: takes a batch for each bell and sees it to its end, as worker.tasks and worker.follow do."""

from collections.abc import Collection
from itertools import count

from provisioner.jobs.lifecycle import End
from tests.protocol.model import Protocol
from tests.protocol.rows import HEARTBEAT, PATIENCE, Batch, Beat, Claim, Fenced, Outcome
from tests.protocol.target import Part, Run
from tests.protocol.world import Away, Kind, Process, World

STEP = 0.1
LISTEN = 0.3
CONCLUDE_FOR = 600.0
PAUSES = [3.0, 20.0, 35.0, 58.5, 58.5, 58.5, 75.0, 100.0, 200.0]


class Lost(Exception):
    """The lease could not be kept; the run was killed."""


class Slot:
    """One of the processes of a worker, which may be killed or held at each of its steps."""

    run_type = Run

    def __init__(self, world: World, worker: str, number: int, sites: list[str]) -> None:
        self._world, self.owner, self.sites = world, f"{worker}:{number}", sites
        self._work: Process | None = None
        self._run: Run | None = None
        self._proven = self._beaten = 0.0

    @property
    def is_idle(self) -> bool:
        return self._work is None

    def ring(self) -> None:
        self._work = self._take_one()
        self._world.at(self._world.now + STEP, lambda work=self._work: self._step(work))

    def kill(self) -> None:
        """kill -9; its run dies with it, and another process takes its place."""
        if self._run:
            self._run.die()
        self._work = self._run = None

    def _step(self, work: Process, *, listening: bool = False) -> None:
        faults, now = self._world.faults, self._world.now
        if work is not self._work:
            return  # it was killed
        if listening:  # nothing has happened since
            self._go_on(work)
            return
        if self._world.happens(faults.kill):
            self._world.note(Kind.FAULT, more=f"{self.owner} is killed")
            self.kill()
        elif self._world.happens(faults.pause):
            pause = self._world.random.choice(PAUSES)
            self._world.note(Kind.FAULT, more=f"{self.owner} sleeps for {pause:.0f} s")
            if self._world.random.random() < 0.6:
                self._wake_alone(now + pause)
            self._world.at(now + pause, lambda: self._go_on(work))
        else:
            self._go_on(work)

    def _wake_alone(self, at: float) -> None:
        """Whoever has slept may be cut off as soon as it has said a word."""
        start, worker = at + 1.0, self.owner.split(":", maxsplit=1)[0]
        self._world.faults.away.append((start, start + self._world.random.choice([10.0, 50.0, 50.0]), worker))

    def _go_on(self, work: Process) -> None:
        if work is not self._work:
            return
        pause = next(work, None)
        if pause is None:
            self._work = self._run = None
        else:
            self._world.at(self._world.now + pause, lambda: self._step(work, listening=pause == LISTEN))

    def _take_one(self) -> Process:
        try:
            batch = self._world.transaction(self.owner, self._claim)
            if batch:
                yield from self._carry_out(batch)
        except (Away, Fenced, Lost):
            if self._run:
                yield from self._run.kill()

    def _claim(self, protocol: Protocol) -> Batch | None:
        batch = protocol.claim(self.owner, self.sites)
        for held in batch.claims if batch else ():
            host = protocol.tables.jobs[held.job].host
            self._world.note(
                Kind.CLAIMED, job=held.job, instance=held.instance, fence=held.fence, host=host, more=self.owner
            )
        return batch

    def _carry_out(self, batch: Batch) -> Process:
        claimed_at = self._world.now
        yield STEP
        asked = self._world.now
        try:
            self._beat(batch.claims)
        except Away:
            yield from self._conclude({held: Outcome(End.BROKEN, touched=False) for held in batch.claims})
            return
        yield STEP
        self._proven = self.dated(asked)
        self._run = run = self.run_type(self._world, batch, claimed_at, self._proven)
        self._beaten = self._world.now
        self._open = list(run.parts)
        yield from self._follow(run)

    def dated(self, asked: float) -> float:
        """From when on a proof counts: the question is older than the lease that answers it."""
        return asked

    def _follow(self, run: Run) -> Process:
        while not run.is_over:
            yield STEP if run.asking else LISTEN
            if run.gave_up:
                raise Lost
            yield from self._let_begin(run)
            if not run.is_over and self._world.now >= self._beaten + HEARTBEAT:
                yield from self._keep(run)
            if left_early := [part for part in self._open if part.end and not run.is_over]:
                yield from self._end(left_early)
        if run.broke:
            yield from run.kill()
        run.break_off(End.BROKEN)
        yield from self._end(self._open)

    def _let_begin(self, run: Run) -> Process:
        """Whose turn has come begins once that is written; who was cancelled meanwhile does not."""
        asking = [part for part in run.asking if not part.refused]
        if not asking:
            return
        try:
            admitted = self._world.transaction(
                self.owner, lambda protocol: protocol.begin([part.held for part in asking])
            )
        except Away:
            self._still_ours()
            return
        run.asking.clear()
        yield STEP
        for part in asking:
            part.begun = part.held.job in admitted
            part.refused = not part.begun

    def _keep(self, run: Run) -> Process:
        """A heartbeat, and what it asks to be stopped."""
        asked = self._world.now
        try:
            beats = self._beat([part.held for part in self._open])
        except Away:
            self._still_ours()
            return
        yield STEP
        self._proven, self._beaten = self.dated(asked), self._world.now
        run.prove(self.dated(asked))
        going = [part for part in self._open if part.end is None]
        stopping = [part for part in going if not part.ending and self._is_to_stop(run, part, beats[part.held.job])]
        if stopping and all(part.ending for part in going):
            yield from run.kill()
            run.break_off(End.BROKEN)
        else:
            for part in stopping:
                yield from run.stop(part)

    def _is_to_stop(self, run: Run, part: Part, beat: Beat) -> bool:
        if beat.cancel_requested:
            part.ending = End.CANCELLED
        elif beat.past_deadline:
            somebody_began = any(each.begun for each in run.parts)
            part.ending = End.DEADLINE if part.begun or not somebody_began else End.NOT_BEGUN
        return part.ending is not None

    def _beat(self, held: Collection[Claim]) -> dict[int, Beat]:
        return self._world.transaction(
            self.owner, lambda protocol: {each.job: protocol.heartbeat(each) for each in held}
        )

    def _end(self, parts: list[Part]) -> Process:
        for part in parts:
            yield from self._tell(part)
        self._open = [part for part in self._open if part not in parts]
        yield from self._conclude(
            {part.held: Outcome(part.end, touched=part.touched, emitted=part.told) for part in parts}
        )

    def _tell(self, part: Part) -> Process:
        while True:
            yield STEP
            try:
                self._world.transaction(self.owner, lambda protocol: protocol.store(part.held, part.told))
            except Away:
                self._still_ours()
            else:
                return

    def _still_ours(self) -> None:
        if self._world.now - self._proven > PATIENCE:
            raise Lost

    def _conclude(self, outcomes: dict[Claim, Outcome]) -> Process:
        give_up = self._world.now + CONCLUDE_FOR
        for attempt in count(1):
            yield STEP
            try:
                self._world.transaction(self.owner, lambda protocol: self._write_ends(protocol, outcomes))
            except Away:
                if self._world.now > give_up:
                    return
                yield min(attempt, 5)
            except Fenced:
                return
            else:
                return

    def _write_ends(self, protocol: Protocol, outcomes: dict[Claim, Outcome]) -> None:
        """Of those that are still ours; Fenced if none is."""
        ours = [held for held in outcomes if protocol.may_conclude(protocol.tables.jobs[held.job], held)]
        if not ours:
            raise Fenced
        for held in ours:
            protocol.conclude(held, outcomes[held])
            host = protocol.tables.jobs[held.job].host
            facts = {"job": held.job, "instance": held.instance, "fence": held.fence, "host": host}
            self._world.note(Kind.CONCLUDED, **facts, more=outcomes[held].end)
