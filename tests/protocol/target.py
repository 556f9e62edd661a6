"""A run of a playbook: once started it acts by itself, and can only be killed."""

from math import inf

from provisioner.instances.lifecycle import STEPS
from provisioner.jobs.lifecycle import End
from tests.protocol.rows import PATIENCE, QUIESCE, Claim
from tests.protocol.world import Kind, Process, World

KILLED_WITHIN = 2.0


class Run:
    """Kills itself when nobody has proven for PATIENCE seconds that it is the newest attempt."""

    patience = PATIENCE

    def __init__(self, world: World, held: Claim, claimed_at: float, proven: float) -> None:
        job = world.protocol.tables.jobs[held.job]
        self._world, self._held, self._claimed_at, self.host = world, held, claimed_at, job.host
        self._proven = proven
        self._killed_at = self._gone_by = inf
        self._lingers = world.random.choice([0.1, 0.7, 1.0]) * world.faults.linger
        self.length = world.random.choice([2.0, 5.0, 20.0, 80.0])
        self.end: End | None = None
        self.touched = False
        self.told = 0
        world.start(self._act())

    def _act(self) -> Process:
        yield 0.5
        if self._is_dead():
            return
        self._note(Kind.KNOCK)
        if self._world.is_host_away(self.host):
            yield 1.0
            self._say(End.UNREACHABLE)
        elif self._world.guards.get(self._held.instance, 0) > self._held.fence:
            self._say(End.FAILED)
        else:
            self._world.guards[self._held.instance] = self._held.fence
            yield from self._play()

    def _play(self) -> Process:
        self.touched = True
        self._note(Kind.START)
        pause, ends_at = self.length / 4, self._world.now + self.length
        while self._world.now < ends_at:
            yield pause
            if self._is_dead():
                return
            if self._world.is_host_away(self.host):
                self._say(End.UNREACHABLE)
                yield from self._lose_line()
                return
            self._note(Kind.ACT)
            self.told += not self.is_stopped()
        if self._world.happens(self._world.faults.broken):
            self._note(Kind.FAULT)
            self._say(self._world.random.choice([End.FAILED, End.BROKEN]))
        else:
            self._note(Kind.END)
            self._say(End.SUCCEEDED)

    def _lose_line(self) -> Process:
        """The module on the host acts on for a while, if it is one that changes anything."""
        if not STEPS[self._held.action].read_only:
            yield self._world.random.choice([0.2, 0.9]) * QUIESCE
            self._note(Kind.LINGER)

    def _note(self, kind: Kind) -> None:
        held = self._held
        facts = {"job": held.job, "instance": held.instance, "fence": held.fence, "host": self.host}
        self._world.note(kind, **facts, since=self._claimed_at)

    def _say(self, end: End) -> None:
        if not self.is_stopped():
            self.end = end

    def prove(self, at: float) -> None:
        if not self.is_stopped():
            self._proven = max(self._proven, at)

    def die(self) -> None:
        """Whoever watched it has died: what it started dies as well, sooner or later."""
        self._killed_at = min(self._killed_at, self._world.now)

    def kill(self) -> Process:
        """Kill all of it here, and wait for that. What it does on another machine may go on for a while."""
        acting = self.touched and self.end is None and not self.is_stopped()
        self.die()
        self._gone_by = min(self._gone_by, self._world.now + KILLED_WITHIN)
        if acting and self._world.random.random() < 0.3:
            self._world.start(self._lose_line())
        yield KILLED_WITHIN

    @property
    def gave_up(self) -> bool:
        return self.end is None and self._proven + self.patience <= self._world.now

    def is_stopped(self) -> bool:
        return min(self._killed_at, self._proven + self.patience) <= self._world.now

    def _is_dead(self) -> bool:
        stopped = min(self._killed_at, self._proven + self.patience)
        return min(stopped + self._lingers, self._gone_by) <= self._world.now
