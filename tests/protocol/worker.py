"""A process of a worker: takes one job for each bell and sees it to its end, as worker.tasks and worker.follow do."""

from itertools import count

from provisioner.jobs.lifecycle import End, JobState
from tests.protocol.model import Protocol
from tests.protocol.rows import HEARTBEAT, PATIENCE, Beat, Claim, Fenced, Outcome
from tests.protocol.target import Run
from tests.protocol.world import Away, Kind, Process, World

STEP = 0.1
CONCLUDE_FOR = 600.0
PAUSES = [3.0, 20.0, 35.0, 58.0, 75.0, 100.0, 200.0]


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

    def _step(self, work: Process) -> None:
        faults, now = self._world.faults, self._world.now
        if work is not self._work:
            return  # it was killed
        if self._world.happens(faults.kill):
            self._world.note(Kind.FAULT, more=f"{self.owner} is killed")
            self.kill()
        elif self._world.happens(faults.pause):
            pause = self._world.random.choice(PAUSES)
            self._world.note(Kind.FAULT, more=f"{self.owner} sleeps for {pause:.0f} s")
            self._world.at(now + pause, lambda: self._go_on(work))
        else:
            self._go_on(work)

    def _go_on(self, work: Process) -> None:
        if work is not self._work:
            return
        pause = next(work, None)
        if pause is None:
            self._work = self._run = None
        else:
            self._world.at(self._world.now + pause, lambda: self._step(work))

    def _take_one(self) -> Process:
        try:
            held = self._world.transaction(self.owner, self._claim)
            if held:
                yield from self._carry_out(held)
        except (Away, Fenced, Lost):
            if self._run:
                yield from self._run.kill()

    def _claim(self, protocol: Protocol) -> Claim | None:
        held = protocol.claim(self.owner, self.sites)
        if held:
            host = protocol.tables.jobs[held.job].host
            self._world.note(
                Kind.CLAIMED, job=held.job, instance=held.instance, fence=held.fence, host=host, more=self.owner
            )
        return held

    def _carry_out(self, held: Claim) -> Process:
        claimed_at = self._world.now
        yield STEP
        asked = self._world.now
        try:
            self._beat(held)
        except Away:
            yield from self._conclude(held, Outcome(End.BROKEN, touched=False))
            return
        self._proven = asked
        yield STEP
        self._run = self.run_type(self._world, held, claimed_at, self.dated(asked))
        self._beaten = self._world.now
        yield from self._conclude(held, (yield from self._follow(held, self._run)))

    def dated(self, asked: float) -> float:
        """From when on a proof counts: the question is older than the lease that answers it."""
        return asked

    def _follow(self, held: Claim, run: Run) -> "Process":
        end = None
        while end is None:
            yield max(STEP, self._beaten + HEARTBEAT - self._world.now if run.end is None else 0.0)
            if run.gave_up:
                raise Lost
            end = run.end
            if end is None and self._world.now >= self._beaten + HEARTBEAT:
                end = yield from self._keep(held, run)
        yield from self._tell(held, run)
        return Outcome(end, touched=run.touched, emitted=run.told)

    def _keep(self, held: Claim, run: Run) -> "Process":
        """A heartbeat; the end, if that is what it says."""
        asked = self._world.now
        try:
            beat = self._beat(held)
        except Away:
            self._still_ours()
            return None
        yield STEP
        self._proven, self._beaten = self.dated(asked), self._world.now
        run.prove(self.dated(asked))
        if beat.cancel_requested or beat.past_deadline:
            yield from run.kill()
            return End.CANCELLED if beat.cancel_requested else End.DEADLINE
        return None

    def _beat(self, held: Claim) -> Beat:
        return self._world.transaction(self.owner, lambda protocol: protocol.heartbeat(held))

    def _tell(self, held: Claim, run: Run) -> Process:
        while True:
            yield STEP
            try:
                self._world.transaction(self.owner, lambda protocol: protocol.store(held, run.told))
            except Away:
                self._still_ours()
            else:
                return

    def _still_ours(self) -> None:
        if self._world.now - self._proven > PATIENCE:
            raise Lost

    def _conclude(self, held: Claim, outcome: Outcome) -> Process:
        give_up = self._world.now + CONCLUDE_FOR
        for attempt in count(1):
            yield STEP
            try:
                self._world.transaction(self.owner, lambda protocol: self._write_end(protocol, held, outcome))
            except Away:
                if self._world.now > give_up:
                    return
                yield min(attempt, 5)
            except Fenced:
                return
            else:
                return

    def _write_end(self, protocol: Protocol, held: Claim, outcome: Outcome) -> JobState:
        state = protocol.conclude(held, outcome)
        host = protocol.tables.jobs[held.job].host
        self._world.note(
            Kind.CONCLUDED, job=held.job, instance=held.instance, fence=held.fence, host=host, more=outcome.end
        )
        return state
