"""Which jobs are taken next, and which of them together."""

from abc import abstractmethod
from collections.abc import Iterator
from itertools import count
from math import ceil

from provisioner.jobs import claiming
from provisioner.jobs.lifecycle import LEASED, OPEN, Cause, JobState, SlotScope
from tests.protocol.places import Places
from tests.protocol.rows import Batch, Claim, Job, Setup


class Queue(Places):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._runs = count(1)  # a restored database must not give one out twice

    @abstractmethod
    def take(self, job: Job, owner: str, run: int, rounds: int) -> Claim: ...

    def open_of(self, instance: str) -> Iterator[Job]:
        return (job for job in self.tables.jobs.values() if job.instance == instance and job.state in OPEN)

    def claim(self, owner: str, sites: list[str]) -> Batch | None:
        """The job whose turn it is, and others that the same run can carry out."""
        first = min(self.candidates(owner, sites), key=self.turn, default=None)
        if first is None:
            return None
        jobs = [first, *self.companions(first)]
        run, forks = next(self._runs), self.forks(first, jobs)
        jobs = jobs[:forks] if first.target else jobs  # nobody stands still for others
        self.take_slots(SlotScope.APP, first.app, forks, run)
        for host in first.hosts:
            self.take_slots(SlotScope.HOST, host, forks, run)
        rounds = ceil(len(jobs) / forks)
        return Batch(tuple(self.take(job, owner, run, rounds) for job in jobs), forks)

    def companions(self, first: Job) -> list[Job]:
        others = [job for job in self.tables.jobs.values() if job is not first and self.goes_with(job, first)]
        most = claiming.BATCH if first.retry_safe else claiming.UNREPEATABLE
        return sorted(others, key=self.turn)[: most - 1]

    def goes_with(self, job: Job, first: Job) -> bool:
        return (
            job.state is JobState.QUEUED
            and self.kind(job) == self.kind(first)
            and self.is_sociable(job)
            and self.is_sociable(first)
            and self.is_due(job)
            and self.is_alone(job)
        )

    def kind(self, job: Job) -> tuple[object, ...]:
        return *job.hosts, job.app, job.action, job.background, job.retry_safe

    def is_sociable(self, job: Job) -> bool:
        """Whoever broke a run, or was lost with one, goes alone."""
        return job.cause in {None, Cause.UNREACHABLE, Cause.NOT_BEGUN}

    def forks(self, first: Job, jobs: list[Job]) -> int:
        """Half of the slots that are free, so that whoever comes next finds one."""
        free = [self.free_slots(SlotScope.APP, first.app)]
        free += [self.free_slots(SlotScope.HOST, host) for host in first.hosts]
        return min(claiming.FORKS, len(jobs), *((1 + len(slots)) // 2 for slots in free))

    def turn(self, job: Job) -> tuple[bool, float, int]:
        return job.background, job.queued_at, job.id

    def candidates(self, owner: str, sites: list[str]) -> list[Job]:
        jobs = self.tables.jobs.values()
        return [job for job in jobs if self.sites_of(job) <= set(sites) and self.may_begin(job, owner)]

    def may_begin(self, job: Job, owner: str) -> bool:
        return (
            job.state is JobState.QUEUED
            and not self.is_drained(job, owner)
            and self.is_due(job)
            and self.is_reachable(job)
            and self.is_alone(job)
            and self.has_slot(SlotScope.APP, job.app)
            and all(self.has_slot(SlotScope.HOST, host) for host in job.hosts)
        )

    def is_due(self, job: Job) -> bool:
        return job.not_before is None or job.not_before <= self.now

    def is_alone(self, job: Job) -> bool:
        return not any(other.state in LEASED for other in self.open_of(job.instance))
