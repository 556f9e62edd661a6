"""One life of the service from a seed: the same seed, the same life."""

from copy import deepcopy
from itertools import product
from random import Random

from provisioner.instances.lifecycle import Action, State
from provisioner.jobs.lifecycle import OPEN, SlotScope
from provisioner.workers.lifecycle import DrainScope
from tests.protocol import people
from tests.protocol.checker import Life, wrong_with
from tests.protocol.model import Protocol
from tests.protocol.rows import LEASE, QUIESCE, Instance, Setup
from tests.protocol.worker import Slot
from tests.protocol.world import Faults, Kind, Process, World

ACTIVE = 500.0  # seconds during which people ask and things go wrong
END = 6000.0  # by then everything has ended, or it never will
LONGEST_LINGER = (LEASE / 3 + QUIESCE) * 0.98  # what was killed must be gone within MARGIN + quiesce
SAFE = frozenset({Action.PROVISION, Action.CHECK})


class Simulation:
    def __init__(self, seed: int, protocol: type[Protocol] = Protocol, slot: type[Slot] = Slot) -> None:
        self.random = Random(seed)
        self.protocol = protocol(self._setup())
        self.world = World(self.protocol, self._faults(), self.random)
        self.workers = {name: self.random.sample(self._sites, self.random.randint(1, 2)) for name in ("w1", "w2", "w3")}
        self.workers["w3"] = self._sites  # somebody serves each site
        self.slots = [
            slot(self.world, name, number, self.workers[name]) for name, number in product(self.workers, range(2))
        ]
        self._start()

    def _setup(self) -> Setup:
        choose, apps, hosts = self.random.choice, ["app1", "app2"], ["host1", "host2"]
        self._sites = ["site1", "site2"]
        states = [State.ACTIVE, State.ACTIVE, State.PLANNED]
        crowded = self.random.random() < 0.5  # all on one host, so that many go into one run
        instances = {}
        for number in range(self.random.randint(2, 9)):
            state = choose(states)
            app, host = choose(apps[: 2 - crowded]), choose(hosts[: 2 - crowded])
            instances[f"i{number}"] = Instance(app, host, state, applied=state is State.ACTIVE)
        caps = {(SlotScope.APP, app): choose([1, 2, 5, 12]) for app in apps}
        caps |= {(SlotScope.HOST, host): choose([1, 2, 5, 12]) for host in hosts}
        safe = {app: choose([SAFE, SAFE | {Action.UPDATE}, frozenset()]) for app in apps}
        return Setup(instances, {host: choose(self._sites) for host in hosts}, caps, safe)

    def _faults(self) -> Faults:
        """Each life has its own mixture, so that rare coincidences are not drowned in others."""
        choose = self.random.choice
        if self.random.random() < 0.05:
            return Faults(until=ACTIVE)
        faults = Faults(
            until=ACTIVE,
            kill=choose([0, 0.02, 0.1]),
            pause=choose([0, 0.05, 0.2]),
            lost_reply=choose([0, 0.02, 0.1]),
            lost_bell=choose([0, 0.3]),
            doubled_bell=choose([0, 0.3]),
            broken=choose([0, 0.2]),
            linger=LONGEST_LINGER,
        )
        faults.away = [self._spell(choose(["", "w1", "w2", "dispatcher", "web"])) for _ in range(choose([0, 0, 1, 3]))]
        faults.hosts_away = [self._spell(choose(["host1", "host2"])) for _ in range(choose([0, 0, 4, 15]))]
        return faults

    def _spell(self, name: str) -> tuple[float, float, str]:
        start = self.random.uniform(5, ACTIVE * 0.8)
        return start, start + self.random.choice([3.0, 3.0, 12.0, 30.0, 50.0, 90.0]), name

    def _start(self) -> None:
        world = self.world
        world.start(people.dispatcher(world, self._sites, self.slots))
        world.start(people.dispatcher(world, self._sites, self.slots))
        world.start(people.person(world, ACTIVE))
        world.start(people.person(world, ACTIVE))
        world.start(people.decider(world))
        if self.random.random() < 0.6:
            world.start(people.impatient(world, ACTIVE))
        for _ in range(self.random.choice([0, 2, 5])):
            world.start(people.rollout(world, self.random.uniform(0, ACTIVE)))
        for _ in range(self.random.choice([0, 2, 12])):
            world.start(people.sweep(world, self.random.uniform(0, ACTIVE)))
        if self.random.random() < 0.4:
            scope, name = self.random.choice([*product([DrainScope.SERVICE], [""]), *self._drainable()])
            world.start(people.operator(world, scope, name, self.random.uniform(0, ACTIVE), 100.0))
        if self.random.random() < 0.25:
            world.start(self._restore())

    def _drainable(self) -> list[tuple[DrainScope, str]]:
        return [*product([DrainScope.SITE], self._sites), *product([DrainScope.WORKER], self.workers)]

    def _restore(self) -> Process:
        """The service is stopped, its database goes back to a backup, and the service is started again."""
        yield self.random.uniform(50, ACTIVE * 0.5)
        backup, taken = deepcopy(self.protocol.tables), self.world.now
        yield self.random.uniform(1, 150)
        for slot in self.slots:
            slot.kill()
        stopped = self.world.now
        self.world.faults.away.append((stopped, stopped + LONGEST_LINGER, ""))
        yield LONGEST_LINGER
        self.protocol.tables, self.protocol.now = backup, self.world.now
        backup.drains.clear()  # whoever restores looks at what is drained
        self.protocol.recover()
        self.world.note(Kind.RESTORED, since=taken, more=f"the database, of {taken:.1f}")

    def run(self) -> "Simulation":
        self.world.run(END, self._is_finished)
        return self

    def _is_finished(self) -> bool:
        asking = self.world.now < ACTIVE + 150
        return not asking and not any(job.state in OPEN for job in self.protocol.tables.jobs.values())

    def wrong(self) -> list[str]:
        return wrong_with(Life(self.world.log, self.protocol.tables, self.world.faults.hosts_away))

    def story(self) -> str:
        return "\n".join(map(str, self.world.log))
