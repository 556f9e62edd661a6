"""The protocol without one of the rules by which one run carries out many jobs."""

from dataclasses import replace

from provisioner.jobs.lifecycle import End, JobState
from tests.protocol.model import Protocol
from tests.protocol.rows import Batch, Claim, Job


class ForksIgnored(Protocol):
    """A run acts on all of its instances at once, whatever slots it has."""

    def claim(self, owner: str, sites: list[str]) -> Batch | None:
        batch = super().claim(owner, sites)
        return batch and replace(batch, forks=len(batch.claims))


class FreedWithTheFirst(Protocol):
    """A run gives its slots back when the first of its jobs has ended."""

    def free(self, job: Job) -> None:
        for slots in self.tables.slots.values():
            slots[:] = [None if holder == job.run else holder for holder in slots]


class CompanionsNotAlone(Protocol):
    """A person's job goes along while the check that gives way still acts."""

    def goes_with(self, job: Job, first: Job) -> bool:
        queued = job.state is JobState.QUEUED and self.kind(job) == self.kind(first)
        return queued and self.is_sociable(job) and self.is_sociable(first) and self.is_due(job)


class CompanionsTooEarly(Protocol):
    """Those that wait for a later time go along."""

    def goes_with(self, job: Job, first: Job) -> bool:
        queued = job.state is JobState.QUEUED and self.kind(job) == self.kind(first)
        return queued and self.is_sociable(job) and self.is_sociable(first) and self.is_alone(job)


class PutBackWhatHadBegun(Protocol):
    """A lost job is begun again, although its turn had come."""

    def had_begun(self, job: Job) -> bool:
        return False


class BegunNotWritten(Protocol):
    def begin(self, held: list[Claim]) -> set[int]:
        admitted = super().begin(held)
        for number in admitted:
            self.tables.jobs[number].begun = False
        return admitted


class BegunThoughCancelled(Protocol):
    """Whose turn comes after it was cancelled begins all the same, and is put back at the end of its run."""

    def really(self, job: Job, end: End) -> End:
        return end


MUTANTS = [each for each in Protocol.__subclasses__() if each.__module__ == __name__]
