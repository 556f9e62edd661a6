"""Everybody else: people, sweeps, operators, and the dispatcher, who all act on the database alone."""

from contextlib import suppress

from provisioner.instances.lifecycle import Action, State
from provisioner.jobs.lifecycle import JobState, Resolution
from provisioner.workers.lifecycle import DrainScope
from tests.protocol.model import Protocol
from tests.protocol.rows import Busy, NotAllowed
from tests.protocol.worker import Slot
from tests.protocol.world import Away, Kind, Process, World

ACTIONS = {State.ACTIVE: [Action.UPDATE, Action.UPDATE, Action.CHECK]}
SWEEP = 5.0


def asks(world: World, instance: str, action: Action, *, background: bool = False) -> None:
    def verb(protocol: Protocol) -> None:
        facts = {"instance": instance, "more": f"{action}{' of a sweep' * background}"}
        try:
            job = protocol.ask(instance, action, background=background)
            world.note(Kind.ACCEPTED, job=job.id, **facts)
        except Busy as refused:
            world.note(Kind.REFUSED, job=refused.holder, **facts)

    with suppress(NotAllowed):
        world.transaction("web", verb)


def person(world: World, until: float) -> Process:
    """Asks for this and that."""
    while world.now < until:
        yield world.random.expovariate(1 / 25)
        with suppress(Away):
            asks_for_something(world, world.random.choice(list(world.protocol.tables.instances)))


def asks_for_something(world: World, instance: str) -> None:
    state = world.protocol.tables.instances[instance].state
    asks(world, instance, world.random.choice(ACTIONS.get(state, [Action.PROVISION])))


def impatient(world: World, until: float) -> Process:
    """Cancels what has not ended yet, and asks for something else at once."""
    while world.now < until:
        yield world.random.expovariate(1 / 40)
        going = [job for job in world.protocol.tables.jobs.values() if job.finished_at is None]
        if going:
            job = world.random.choice(going)
            with suppress(Away, NotAllowed):
                cancels(world, job.id)
                asks_for_something(world, job.instance)


def cancels(world: World, number: int) -> None:
    def verb(protocol: Protocol) -> None:
        job = protocol.cancel(number)
        world.note(Kind.CANCELLED, job=number, instance=job.instance)

    world.transaction("web", verb)


def decider(world: World) -> Process:
    """Decides on what needs attention, sooner or later."""
    while True:
        yield world.random.choice([1.0, 10.0, 40.0, 120.0])
        for job in list(world.protocol.tables.jobs.values()):
            if job.state is JobState.NEEDS_ATTENTION and world.random.random() < 0.5:
                with suppress(Away):
                    resolves(world, job.id, world.random.choice(list(Resolution)))
                    asks_for_something(world, job.instance)


def resolves(world: World, number: int, resolution: Resolution) -> None:
    def verb(protocol: Protocol) -> None:
        protocol.resolve(number, resolution)
        world.note(Kind.RETRIED if resolution is Resolution.RETRY else Kind.SETTLED, job=number, more=resolution)

    world.transaction("web", verb)


def sweep(world: World, at: float) -> Process:
    """Asks for a check of everything."""
    yield at
    for name in world.protocol.tables.instances:
        with suppress(Away):
            asks(world, name, Action.CHECK, background=True)


def rollout(world: World, at: float) -> Process:
    """Somebody asks for the same of all, while some of them are being checked."""
    yield at
    for instance in world.protocol.tables.instances:
        with suppress(Away):
            if world.random.random() < 0.5:
                asks(world, instance, Action.CHECK, background=True)
    yield world.random.choice([0.5, 3.0, 6.0, 50.0])
    action = world.random.choice([Action.UPDATE, Action.CHECK])
    asks_for_all(world, action)
    if world.random.random() < 0.3:
        yield from thinks_better_of_it(world)
        asks_for_all(world, action)


def asks_for_all(world: World, action: Action) -> None:
    for name, instance in world.protocol.tables.instances.items():
        with suppress(Away):
            asks(world, name, action if instance.state is State.ACTIVE else Action.PROVISION)


def thinks_better_of_it(world: World) -> Process:
    """Cancels everything, and gives up what that leaves half done."""
    yield world.random.choice([3.0, 10.0, 30.0])
    for job in list(world.protocol.tables.jobs.values()):
        if job.finished_at is None:
            with suppress(Away, NotAllowed):
                cancels(world, job.id)
    yield world.random.choice([8.0, 15.0])
    for job in list(world.protocol.tables.jobs.values()):
        if job.state is JobState.NEEDS_ATTENTION:
            with suppress(Away):
                resolves(world, job.id, Resolution.FAILED)


def operator(world: World, scope: DrainScope, name: str, start: float, length: float) -> Process:
    """Drains something for a while."""
    yield start
    while not says(world, lambda protocol: protocol.drain(scope, name), Kind.DRAINED, f"{scope}:{name}"):
        yield 1.0
    yield length
    while not says(world, lambda protocol: protocol.end_drain(scope, name), Kind.UNDRAINED, f"{scope}:{name}"):
        yield 1.0


def says(world: World, verb: object, kind: Kind, what: str) -> bool:
    def noted(protocol: Protocol) -> None:
        verb(protocol)
        world.note(kind, more=what)

    try:
        world.transaction("web", noted)
    except Away:
        return False
    return True


def dispatcher(world: World, sites: list[str], slots: list[Slot]) -> Process:
    """Reaps, probes and rings at every sweep."""
    yield world.random.uniform(0, SWEEP)
    while True:
        yield SWEEP
        with suppress(Away):
            world.transaction("dispatcher", lambda protocol: protocol.reap())
            for host in world.transaction("dispatcher", lambda protocol: protocol.take_probes(sites)):
                if not world.is_host_away(host):
                    world.transaction("dispatcher", lambda protocol, host=host: protocol.reopen(host))
            for site in sites:
                queued = (job for job in world.protocol.tables.jobs.values() if job.state is JobState.QUEUED)
                ring(world, min(sum(job.site == site for job in queued), 10), [s for s in slots if site in s.sites])


def ring(world: World, bells: int, slots: list[Slot]) -> None:
    """A bell may be lost or heard twice."""
    if world.happens(world.faults.lost_bell):
        return
    bells *= 2 if world.happens(world.faults.doubled_bell) else 1
    for slot in [slot for slot in slots if slot.is_idle][:bells]:
        slot.ring()
