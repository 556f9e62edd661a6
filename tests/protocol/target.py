"""A run of a playbook: once started it acts by itself, and can only be killed."""

from collections.abc import Iterator
from math import inf

from provisioner.instances.lifecycle import STEPS
from provisioner.jobs.lifecycle import End
from tests.protocol.rows import PATIENCE, QUIESCE, Batch, Claim
from tests.protocol.world import Kind, Process, World

KILLED_WITHIN = 2.0


class Part:
    """What becomes of one job of a run."""

    def __init__(self, held: Claim) -> None:
        self.held = held
        self.begun = self.refused = self.touched = False
        self.ending: End | None = None  # it is being stopped, for this reason
        self.end: End | None = None
        self.told = 0


class Run:
    """Carries out the jobs of a batch, so many at once as it has slots. Kills itself when nobody has proven for
    PATIENCE seconds that it is the newest attempt.
    """

    patience = PATIENCE

    def __init__(self, world: World, batch: Batch, claimed_at: float, proven: float) -> None:
        self._world, self._claimed_at = world, claimed_at
        self.host = world.protocol.tables.jobs[batch.claims[0].job].host
        self.parts = [Part(held) for held in batch.claims]
        self.asking: list[Part] = []  # their turn has come, and they wait for a word
        self._proven = proven
        self._killed_at = self._gone_by = inf
        self._gone: dict[Part, float] = {}  # those of the stopped ones by when nothing acts any more
        self._lingers = world.random.choice([0.1, 0.7, 1.0]) * world.faults.linger
        self.length = world.random.choice([2.0, 5.0, 20.0, 80.0, 150.0, 150.0])
        self.broke = False
        following = iter(self.parts)
        for _ in range(batch.forks):
            world.start(self._lane(following))

    def _lane(self, following: Iterator[Part]) -> Process:
        for part in following:
            yield from self._act(part)

    def _act(self, part: Part) -> Process:
        yield 0.5
        yield from self._wait_for_turn(part)
        if self._is_dead(part) or part.refused:
            return
        self._note(part, Kind.KNOCK)
        if self._world.is_host_away(self.host):
            yield 1.0
            self._say(part, End.UNREACHABLE)
        elif self._world.guards.get(part.held.instance, 0) > part.held.fence:
            self._say(part, End.FAILED)
        else:
            self._world.guards[part.held.instance] = part.held.fence
            yield from self._play(part)

    def _wait_for_turn(self, part: Part) -> Process:
        self.asking.append(part)
        while not (part.begun or part.refused or self._is_dead(part)):
            yield 0.1

    def _play(self, part: Part) -> Process:
        part.touched = True
        self._note(part, Kind.START)
        pause, ends_at = self.length / 4, self._world.now + self.length
        while self._world.now < ends_at:
            yield pause
            if self._is_dead(part):
                return
            if self._world.is_host_away(self.host):
                self._say(part, End.UNREACHABLE)
                yield from self._lose_line(part)
                return
            self._note(part, Kind.ACT)
            part.told += not self.is_stopped()
        if not self._world.happens(self._world.faults.broken):
            self._note(part, Kind.END)
            self._say(part, End.SUCCEEDED)
        elif self._world.random.random() < 0.5:
            self._note(part, Kind.FAULT)
            self._say(part, End.FAILED)
        else:
            self._note(part, Kind.FAULT)
            self.broke = True
            self.die()

    def _lose_line(self, part: Part) -> Process:
        """The module on the host acts on for a while, if it is one that changes anything."""
        if not STEPS[part.held.action].read_only:
            yield self._world.random.choice([0.2, 0.9]) * QUIESCE
            self._note(part, Kind.LINGER)

    def _note(self, part: Part, kind: Kind) -> None:
        held = part.held
        facts = {"job": held.job, "instance": held.instance, "fence": held.fence, "host": self.host}
        self._world.note(kind, **facts, since=self._claimed_at)

    def _say(self, part: Part, end: End) -> None:
        if not self.is_stopped() and part.end is None:
            part.end = end
            if end is End.UNREACHABLE:
                self._refuse_the_rest()

    def _refuse_the_rest(self) -> None:
        """They are all on that host."""
        for part in self.parts:
            if not part.begun and part.end is None:
                part.refused, part.end = True, End.NOT_BEGUN

    def prove(self, at: float) -> None:
        if not self.is_stopped():
            self._proven = max(self._proven, at)

    def die(self) -> None:
        """Whoever watched it has died: what it started dies as well, sooner or later."""
        self._killed_at = min(self._killed_at, self._world.now)

    def kill(self) -> Process:
        """Kill all of it here, and wait for that. What it does on another machine may go on for a while."""
        acting = [part for part in self.parts if part.touched and part.end is None and not self.is_stopped()]
        self.die()
        self._gone_by = min(self._gone_by, self._world.now + KILLED_WITHIN)
        for part in acting:
            self._may_linger(part)
        yield KILLED_WITHIN

    def stop(self, part: Part) -> Process:
        """Kill what acts for one of them, and let the others go on."""
        part.refused = not part.begun
        self._gone[part] = self._world.now + KILLED_WITHIN
        if part.touched and part.end is None:
            self._may_linger(part)
        yield KILLED_WITHIN
        part.end = part.end or part.ending

    def _may_linger(self, part: Part) -> None:
        if self._world.random.random() < 0.3:
            self._world.start(self._lose_line(part))

    def break_off(self, end: End) -> None:
        """How it ends for those that go on. Where others had begun, it was not the fault of those that had not."""
        somebody_began = any(part.begun for part in self.parts)
        for part in self.parts:
            if part.end is None:
                part.end = part.ending or (End.NOT_BEGUN if somebody_began and not part.begun else end)

    @property
    def is_over(self) -> bool:
        return self.broke or all(part.end for part in self.parts)

    @property
    def gave_up(self) -> bool:
        return not self.is_over and self._proven + self.patience <= self._world.now

    def is_stopped(self) -> bool:
        return min(self._killed_at, self._proven + self.patience) <= self._world.now

    def _is_dead(self, part: Part) -> bool:
        stopped = min(self._killed_at, self._proven + self.patience)
        return min(stopped + self._lingers, self._gone_by, self._gone.get(part, inf)) <= self._world.now
