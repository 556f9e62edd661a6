"""The protocol with one rule left out each: what must not go unnoticed."""

from math import inf

from provisioner.jobs.lifecycle import Cause, JobState, SlotScope, after_quiesce
from tests.protocol import mutants_of_batches
from tests.protocol.model import Protocol
from tests.protocol.rows import Claim, Job
from tests.protocol.target import Part, Run
from tests.protocol.worker import Slot
from tests.protocol.world import Process


class NoFence(Protocol):
    """Whoever ever held a job may write as long as somebody carries it out."""

    def may_write(self, job: Job, held: Claim) -> bool:
        return job.state is JobState.RUNNING


class ConcludeWithoutFence(Protocol):
    def may_conclude(self, job: Job, held: Claim) -> bool:
        return job.state is JobState.RUNNING


class ConcludeWithoutState(Protocol):
    """The right fence, but the job is not looked at."""

    def may_conclude(self, job: Job, held: Claim) -> bool:
        return job.fence == held.fence


class LateEventsAccepted(Protocol):
    def may_tell(self, job: Job, held: Claim) -> bool:
        return True


class FenceNotRaised(Protocol):
    def next_fence(self, job: Job) -> int:
        return max(1, self.tables.fences[job.instance])


class RecoverWithoutLeap(Protocol):
    def leap(self) -> int:
        return 0


class NoQuiesce(Protocol):
    """A lost job goes on at once."""

    def lose(self, job: Job) -> None:
        super().lose(job)
        self.after_quiesce(job)


class QuiesceTooShort(Protocol):
    def lose(self, job: Job) -> None:
        super().lose(job)
        job.lease_until = self.now + 5


class ReapTwice(Protocol):
    """A second reaper does not look whether the first has been there."""

    def reap(self) -> int:
        expired = [job for job in self.tables.jobs.values() if self.is_expired(job)]
        moved = super().reap()
        for job in expired:
            if job.state is JobState.QUIESCING:
                self.after_quiesce(job)
        return moved


class NeverReaped(Protocol):
    def reap(self) -> int:
        return 0


class ReapedAlive(Protocol):
    """Leases are measured from the claim, heartbeats or not."""

    def is_expired(self, job: Job) -> bool:
        lease = 60.0 if job.state is JobState.RUNNING else 0.0
        started = (job.deadline or 0.0) - job.timeout
        return super().is_expired(job) or (lease > 0 and started + lease < self.now)


class RetryUnsafe(Protocol):
    def after_quiesce(self, job: Job) -> None:
        safe, job.retry_safe = job.retry_safe, True
        super().after_quiesce(job)
        job.retry_safe = safe


class RepeatUnsafe(Protocol):
    """An update that lost its host half-way is repeated."""

    def may_repeat(self, job: Job, *, untouched: bool) -> bool:
        return super().may_repeat(job, untouched=True)


class RepeatForEver(Protocol):
    def may_repeat(self, job: Job, *, untouched: bool) -> bool:
        return untouched or job.retry_safe


class CancelForgotten(Protocol):
    """A job that was to be cancelled and was lost is begun again."""

    def after_quiesce(self, job: Job) -> None:
        again = {"retry_safe": job.retry_safe, "attempt": job.attempt, "max_attempts": job.max_attempts}
        state, cause = after_quiesce(**again, cancelled=False, background=job.background)
        self._move(job, state, cause)


class CancelIgnoredOnRetry(Protocol):
    """A job that was to be cancelled and did not reach its host is tried again."""

    def may_repeat(self, job: Job, *, untouched: bool) -> bool:
        return (untouched or job.retry_safe) and job.attempt < job.max_attempts


class ClaimWithoutLock(Protocol):
    """Two claimers read the queue at the same time and take the same job."""

    _read_at = -inf
    _queued: frozenset[int] = frozenset()

    def may_begin(self, job: Job, owner: str) -> bool:
        if self.now > self._read_at + 0.1:
            self._queued = frozenset(each.id for each in self.tables.jobs.values() if each.state is JobState.QUEUED)
            self._read_at = self.now
        return job.id in self._queued and self.is_due(job) and self.is_reachable(job) and self._has_place(job, owner)

    def _has_place(self, job: Job, owner: str) -> bool:
        return not self.is_drained(job, owner) and all(map(self.has_slot, SlotScope, (job.app, job.host)))


class SlotsIgnored(Protocol):
    def has_slot(self, scope: SlotScope, owner: str) -> bool:
        return True

    def forks(self, first: Job, jobs: list[Job]) -> int:
        return max(1, super().forks(first, jobs))


class HostSlotsIgnored(SlotsIgnored):
    def has_slot(self, scope: SlotScope, owner: str) -> bool:
        return scope is SlotScope.HOST or Protocol.has_slot(self, scope, owner)


class SlotsNotFreed(Protocol):
    """A job that was lost keeps its slots."""

    def frees(self, before: JobState, after: JobState) -> bool:
        return before is JobState.RUNNING and after not in {JobState.RUNNING, JobState.QUIESCING}


class FreeSlotOnQuiesce(Protocol):
    def frees(self, before: JobState, after: JobState) -> bool:
        return before is JobState.RUNNING


class GivingWayClaimsBehind(Protocol):
    """A person's job begins while the check that gives way still acts."""

    def is_alone(self, job: Job) -> bool:
        return True


class SweepsFirst(Protocol):
    """Nobody gives way."""

    def gives_way(self, holder: Job, *, background: bool) -> bool:
        return False


class SweepsLockUp(Protocol):
    """A sweep's job that was lost for good waits for a person, as anybody's does."""

    def after_quiesce(self, job: Job) -> None:
        super().after_quiesce(job)
        if job.state is JobState.FAILED:
            self._move(job, JobState.NEEDS_ATTENTION, Cause.LEASE_LOST)

    def gives_way(self, holder: Job, *, background: bool) -> bool:
        return super().gives_way(holder, background=background) and holder.state is not JobState.NEEDS_ATTENTION


class ParkedIgnored(Protocol):
    def is_reachable(self, job: Job) -> bool:
        return True


class NeverReopened(Protocol):
    def reopen(self, host: str) -> None:
        pass


class BackoffIgnored(Protocol):
    def is_due(self, job: Job) -> bool:
        return True


class NewcomersDoNotWait(Protocol):
    """Only the job that lost its host waits until nothing of it acts any more, not the one that follows it."""

    def still_acting(self, instance: str) -> float | None:
        return None


class DrainIgnored(Protocol):
    def is_drained(self, job: Job, owner: str) -> bool:
        return False


class RecoverTrusting(Protocol):
    """After a restore the jobs that may not be repeated begin as if nothing had been."""

    def recover(self) -> None:
        waiting = [job for job in self.tables.jobs.values() if job.state is JobState.QUEUED]
        super().recover()
        for job in waiting:
            self._move(job, JobState.QUEUED, None)


class AttemptNotCounted(Protocol):
    def take(self, job: Job, owner: str, run: int, rounds: int) -> Claim:
        claim = super().take(job, owner, run, rounds)
        job.attempt = max(1, job.attempt - 1)
        return claim


class Unwatched(Run):
    patience = inf


class Hasty(Run):
    def _wait_for_turn(self, part: Part) -> Process:
        self.asking.append(part)
        yield 0.0


class ActsBeforeItsTurn(Slot):
    """A run does not wait until it is written that a job has begun."""

    run_type = Hasty


class NoWatchdog(Slot):
    """A run goes on for as long as nobody kills it."""

    run_type = Unwatched


class Patient(Run):
    patience = 100.0


class WatchdogTooPatient(Slot):
    run_type = Patient


class ProofDatedOnArrival(Slot):
    """A proof counts from when it is heard, however old the answer is."""

    def dated(self, asked: float) -> float:
        return self._world.now


PROTOCOLS = [each for each in vars().values() if isinstance(each, type) and issubclass(each, Protocol)]
MUTANTS = [*(each for each in PROTOCOLS if each is not Protocol), *mutants_of_batches.MUTANTS]
SLOTS: list[type[Slot]] = [ActsBeforeItsTurn, NoWatchdog, WatchdogTooPatient, ProofDatedOnArrival]
