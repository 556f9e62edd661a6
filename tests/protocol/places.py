"""Where jobs may begin: slots of apps and hosts, parked hosts, drains."""

from copy import deepcopy
from itertools import count

from provisioner.jobs.lifecycle import LEASED, JobState, SlotScope
from provisioner.workers.lifecycle import DrainScope
from tests.protocol.rows import PROBE_EVERY, Host, Job, Setup, Tables


class Places:
    def __init__(self, setup: Setup) -> None:
        self._numbers = count(1)  # a restored database must not give one out twice
        hosts = {name: Host(site) for name, site in setup.sites.items()}
        self.now = 0.0
        self.chance = 0.5  # what spreads the pauses between attempts
        self.tables = Tables(deepcopy(setup.instances), hosts, dict(setup.caps), dict(setup.retry_safe))
        self.tables.fences = dict.fromkeys(
            setup.instances, 0
        )  # a row that comes with the first job, as the instance does
        for (scope, owner), most in setup.caps.items():
            self.allow(scope, owner, most)

    def has_slot(self, scope: SlotScope, owner: str) -> bool:
        return bool(self.free_slots(scope, owner))

    def free_slots(self, scope: SlotScope, owner: str) -> list[int]:
        """None while somebody holds one that there shall be no more: fewer at once means fewer from then on."""
        most, slots = self.tables.caps[scope, owner], self.tables.slots[scope, owner]
        if any(holder is not None for holder in slots[most:]):
            return []
        return [number for number, holder in enumerate(slots[:most]) if holder is None]

    def take_slots(self, scope: SlotScope, owner: str, many: int, run: int) -> None:
        for number in self.free_slots(scope, owner)[:many]:
            self.tables.slots[scope, owner][number] = run

    def allow(self, scope: SlotScope, owner: str, most: int) -> None:
        """So many at once from now on; who is in already may come to its end."""
        slots = self.tables.slots.setdefault((scope, owner), [])
        slots.extend([None] * (most - len(slots)))
        self.tables.caps[scope, owner] = most

    def frees(self, before: JobState, after: JobState) -> bool:
        return before in LEASED and after not in LEASED

    def free(self, job: Job) -> None:
        """A run keeps its slots until the last of its jobs has ended."""
        others = (other for other in self.tables.jobs.values() if other.run == job.run and other is not job)
        if not any(other.state in LEASED for other in others):
            for slots in self.tables.slots.values():
                slots[:] = [None if holder == job.run else holder for holder in slots]

    def park(self, host: str) -> None:
        self.tables.hosts[host].probe_at = self.now + PROBE_EVERY

    def take_probes(self, sites: list[str]) -> list[str]:
        due = [
            name
            for name, host in self.tables.hosts.items()
            if host.site in sites and host.probe_at is not None and host.probe_at <= self.now
        ]
        for name in due:
            self.park(name)
        return due

    def reopen(self, host: str) -> None:
        self.tables.hosts[host].probe_at = None

    def drain(self, scope: DrainScope, name: str) -> None:
        self.tables.drains.add((scope, name))

    def end_drain(self, scope: DrainScope, name: str) -> None:
        self.tables.drains.discard((scope, name))

    def is_drained(self, job: Job, owner: str) -> bool:
        worker = owner.split(":", maxsplit=1)[0]
        sites = {(DrainScope.SITE, site) for site in self.sites_of(job)}
        here = {(DrainScope.SERVICE, ""), *sites, (DrainScope.WORKER, worker)}
        return bool(here & self.tables.drains)

    def sites_of(self, job: Job) -> set[str]:
        """Those that a worker must serve to carry it out."""
        return {self.tables.hosts[host].site for host in job.hosts}

    def is_reachable(self, job: Job) -> bool:
        return all(self.tables.hosts[host].probe_at is None for host in job.hosts)
