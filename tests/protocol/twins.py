"""The service and the model, driven side by side by whatever Hypothesis thinks of, and compared after every step."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from provisioner.instances.lifecycle import Action, State
from provisioner.jobs.lifecycle import LEASED, End, JobState, Resolution, SlotScope
from provisioner.workers.lifecycle import DrainScope
from tests.protocol.alike import answer_of, comparable, seen
from tests.protocol.model import Protocol
from tests.protocol.real import Real
from tests.protocol.rows import Instance, Outcome, Setup

SITES = {"host1": "site1", "host2": "site2"}
SETUP = Setup(
    instances={
        "i0": Instance("app1", "host1"),
        "i1": Instance("app1", "host2", State.PLANNED, applied=False),
        "i2": Instance("app2", "host1"),
        "i3": Instance("app2", "host2", State.FAILED, applied=False),
        "i4": Instance("app1", "host1"),
        "i5": Instance("app2", "host1"),
        "i6": Instance("app2", "host1"),
    },
    sites=SITES,
    caps={
        (SlotScope.APP, "app1"): 1,
        (SlotScope.APP, "app2"): 2,
        (SlotScope.HOST, "host1"): 2,
        (SlotScope.HOST, "host2"): 1,
    },
    retry_safe={"app1": frozenset({Action.PROVISION, Action.CHECK}), "app2": frozenset()},
)
names = st.sampled_from(sorted(SETUP.instances))
# Some that any state allows, so that most of what is asked is not refused.
# Of what the model knows nothing: backups, and when the grace period of a removal is over.
BEYOND = {Action.RESTORE, Action.DRILL, Action.REMOVE}
actions = st.sampled_from([*(action for action in Action if action not in BEYOND), Action.UPDATE])
owners = st.sampled_from(["w1:1", "w1:2", "w2:1"])
served = st.sampled_from([["site1"], ["site2"], ["site1", "site2"], ["site2", "site1"]])
drains = st.sampled_from(
    [(DrainScope.SERVICE, ""), (DrainScope.SITE, "site1"), (DrainScope.WORKER, "w1"), (DrainScope.SITE, "site2")]
)
outcomes = st.builds(
    Outcome, st.sampled_from(End), touched=st.booleans(), serving=st.booleans(), emitted=st.integers(0, 3)
)
newest = st.integers(0, 2)  # counted back from the last one


class Twins(RuleBasedStateMachine):
    def __init__(self, real: Real) -> None:
        super().__init__()
        self.real, self.model = real, Protocol(SETUP)
        self.claims: list[tuple[Any, Any]] = []
        self.batch: tuple[Any, Any] | None = None  # the newest
        real.reset()

    def both(self, act: Callable[[Any], Any]) -> tuple[Any, Any]:
        """The answers of both, which are alike; an error is an answer, too."""
        answers = tuple(answer_of(lambda twin=twin: act(twin)) for twin in (self.real, self.model))
        assert comparable(answers[0]) == comparable(answers[1]), answers
        return answers

    @rule(name=names, action=actions)
    def ask(self, name: str, action: Action) -> None:
        self.both(lambda twin: twin.ask(name, action))

    @rule(name=names)
    def sweep(self, name: str) -> None:
        self.both(lambda twin: twin.ask(name, Action.CHECK, background=True))

    @rule(owner=owners, sites=served)
    def claim(self, owner: str, sites: list[str]) -> None:
        batches = self.both(lambda twin: twin.claim(owner, sites))
        if batches[0]:
            self.claims += zip(batches[0].claims, batches[1].claims, strict=True)
            self.batch = batches

    @rule()
    def fill(self) -> None:
        """Whoever is free takes something."""
        for owner in ("w1:1", "w2:1"):
            self.claim(owner, ["site1", "site2"])

    @rule(names=st.lists(names, max_size=7, unique=True), action=actions)
    def ask_many(self, names: list[str], action: Action) -> None:
        for name in names:
            self.ask(name, action)

    @precondition(lambda self: self.batch)
    @rule(some=st.integers(1, 3))
    def begin(self, some: int) -> None:
        """The turn of the first few in the newest run comes."""
        self.both(lambda twin: twin.begin(self.batch[twin is self.model].claims[:some]))

    @precondition(lambda self: self.claims)
    @rule(which=newest)
    def heartbeat(self, which: int) -> None:
        held = self.held(which)
        self.both(lambda twin: twin.heartbeat(held[twin is self.model]))

    @precondition(lambda self: self.claims)
    @rule(which=newest, upto=st.integers(0, 4))
    def store(self, which: int, upto: int) -> None:
        held = self.held(which)
        self.both(lambda twin: twin.store(held[twin is self.model], upto))

    @precondition(lambda self: self.claims)
    @rule(which=newest, outcome=outcomes)
    def conclude(self, which: int, outcome: Outcome) -> None:
        held = self.held(which)
        self.both(lambda twin: twin.conclude(held[twin is self.model], outcome))

    def held(self, which: int) -> tuple[Any, Any]:
        return self.claims[-1 - which % len(self.claims)]

    @rule(seconds=st.sampled_from([1.0, 16.0, 31.0, 601.0]))
    def wait(self, seconds: float) -> None:
        self.model.now += seconds
        self.real.move_clock(self.model.now)

    @rule()
    def reap(self) -> None:
        self.both(lambda twin: twin.reap())

    @precondition(lambda self: self.leased())
    @rule()
    def fall_silent(self) -> None:
        """All workers, for longer than a lease."""
        self.wait(61.0)
        self.reap()

    def leased(self) -> bool:
        return any(job.state in LEASED for job in self.model.tables.jobs.values())

    @precondition(lambda self: self.model.tables.jobs)
    @rule(which=newest)
    def cancel(self, which: int) -> None:
        number = len(self.model.tables.jobs) - which % len(self.model.tables.jobs)
        self.both(lambda twin: twin.cancel(number) and None)

    @precondition(lambda self: self.unsure() or self.model.tables.jobs)
    @rule(which=newest, resolution=st.sampled_from(Resolution))
    def resolve(self, which: int, resolution: Resolution) -> None:
        numbers = self.unsure() or sorted(self.model.tables.jobs)
        self.both(lambda twin: twin.resolve(numbers[which % len(numbers)], resolution) and None)

    def unsure(self) -> list[int]:
        return [job.id for job in self.model.tables.jobs.values() if job.state is JobState.NEEDS_ATTENTION]

    @rule()
    def recover(self) -> None:
        self.both(lambda twin: twin.recover())

    @rule()
    def ask_behind_a_sweep(self) -> None:
        self.sweep("i0")
        self.ask("i2", Action.CHECK)
        self.claim("w1:1", ["site1"])

    @rule()
    def overtake_a_check(self) -> None:
        """A person asks for something while a check of it goes on: it begins when that has ended, and not before."""
        self.sweep("i2")
        self.claim("w1:1", ["site1"])
        self.ask("i2", Action.UPDATE)
        self.fill()

    @rule()
    def lose_and_begin_again(self) -> None:
        """All that goes on is lost, and what may be repeated is repeated; whoever was lost then wants to write."""
        self.ask("i0", Action.CHECK)
        self.fill()
        if not self.claims:
            return
        lost = self.claims[-1]
        self.begin(3)
        self.fall_silent()
        self.wait(31.0)
        self.reap()
        self.ask("i4", Action.CHECK)
        self.fill()
        self.both(lambda twin: twin.store(lost[twin is self.model], 7))
        self.both(lambda twin: twin.heartbeat(lost[twin is self.model]))
        self.both(lambda twin: twin.conclude(lost[twin is self.model], Outcome(End.SUCCEEDED)))

    @rule()
    def leave_room_for_others(self) -> None:
        """There are more of a kind than slots; one run takes half of those."""
        self.ask_many(["i2", "i5", "i6"], Action.CHECK)
        self.claim("w1:1", ["site1"])

    @rule(touched=st.booleans())
    def lose_a_server(self, touched: bool) -> None:
        """The newest attempt does not reach it; others wait or go on; a probe finds it again."""
        for name in ("i0", "i2"):
            self.ask(name, Action.CHECK)
        self.claim("w1:1", ["site1"])
        if self.claims:
            self.conclude(0, Outcome(End.UNREACHABLE, touched=touched))
            self.both(lambda twin: twin.cancel(self.claims[-1][1].job) and None)
        for name in ("i0", "i2"):
            self.ask(name, Action.CHECK)
        self.fill()
        self.all_rows_are_alike()
        self.probe(["site1", "site2"])
        self.fill()

    @rule()
    def move_to_a_full_server(self) -> None:
        """It has one slot, which somebody has; then that is free, and there is nothing that waits any more."""
        self.ask("i3", Action.PROVISION)
        self.claim("w1:1", ["site2"])
        self.ask("i2", Action.MOVE)
        self.ask("i0", Action.MOVE)
        self.fill()
        self.all_rows_are_alike()
        if self.claims:
            self.conclude(0, Outcome(End.SUCCEEDED))
        self.fill()

    @rule()
    def move_to_a_lost_server(self) -> None:
        self.ask("i3", Action.PROVISION)
        self.claim("w1:1", ["site2"])
        if self.claims:
            self.conclude(0, Outcome(End.UNREACHABLE, touched=False))
        self.ask("i2", Action.MOVE)
        self.fill()
        self.all_rows_are_alike()
        self.probe(["site2"])
        self.fill()
        if self.claims:
            self.conclude(0, Outcome(End.SUCCEEDED))
        self.ask("i2", Action.MOVE)
        self.fill()

    @rule(sites=served)
    def probe(self, sites: list[str]) -> None:
        self.wait(16.0)
        answers = self.both(lambda twin: sorted(twin.take_probes(sites)))
        for host in answers[1]:
            self.both(lambda twin, host=host: twin.reopen(host))

    @rule(what=drains)
    def drain_for_a_moment(self, what: tuple[DrainScope, str]) -> None:
        self.ask("i0", Action.CHECK)
        self.both(lambda twin: twin.drain(*what))
        self.fill()
        self.all_rows_are_alike()
        self.both(lambda twin: twin.end_drain(*what))

    @rule(place=st.sampled_from(sorted(SETUP.caps)), most=st.integers(1, 3))
    def allow(self, place: tuple[SlotScope, str], most: int) -> None:
        self.both(lambda twin: twin.allow(*place, most))

    @classmethod
    def tell_all_stories(cls, real: Real) -> None:
        """Each from the beginning: what chance comes to late."""
        for story in (
            cls.ask_behind_a_sweep,
            cls.overtake_a_check,
            cls.lose_and_begin_again,
            cls.leave_room_for_others,
            cls.move_to_a_full_server,
            cls.move_to_a_lost_server,
            lambda twins: twins.lose_a_server(touched=True),
            lambda twins: twins.drain_for_a_moment((DrainScope.SERVICE, "")),
        ):
            twins = cls(real)
            story(twins)
            twins.all_rows_are_alike()

    @invariant()
    def all_rows_are_alike(self) -> None:
        real, expected = self.real.seen(), seen(self.model)
        for what, rows in expected.items():
            assert real[what] == rows, (what, real[what], rows)
