"""The protocol of provisioner/jobs, in memory and with a clock that stands until it is moved.

One method for each verb, each as indivisible as its transaction. What may be decided without a database is decided by
the rules of the service itself; what its SQL decides stands here once more, and test_against_postgresql compares the
two. Each rule that protects something is a method of its own, so that test_mutants can leave it out.
"""

from math import inf

from provisioner.instances.lifecycle import STEPS, Action, is_known, may
from provisioner.jobs.lifecycle import (
    LEASED,
    OPEN,
    Cause,
    End,
    JobState,
    Resolution,
    acts_on,
    after_quiesce,
    backoff,
    before_it_began,
    verdict,
)
from provisioner.jobs.recovery import AT_ONCE, LEAP
from tests.protocol.queue import Queue
from tests.protocol.rows import (
    LEASE,
    QUIESCE,
    Beat,
    Busy,
    Claim,
    Fenced,
    Job,
    NotAllowed,
    Outcome,
)

SETTLED = {
    Resolution.RETRY: JobState.QUEUED,
    Resolution.SUCCEEDED: JobState.SUCCEEDED,
    Resolution.FAILED: JobState.FAILED,
}


class Protocol(Queue):
    # What people and sweeps ask

    def ask(self, instance: str, action: Action, *, background: bool = False) -> Job:
        row = self.tables.instances[instance]
        holder = self.holder(instance)
        if holder is not None and not self.gives_way(holder, background=background):
            raise Busy(holder.id)
        if not may(action, row.state):
            raise NotAllowed
        if holder is not None:
            self._make_way(holder)
        number = next(self._numbers)
        safe = action in self.tables.retry_safe[row.app]
        site = self.tables.hosts[row.host].site
        job = Job(number, instance, row.app, row.host, site, action, safe, background, self.now)
        job.target = self.elsewhere(row.host) if STEPS[action].moves else None
        job.not_before = self.still_acting(instance)
        self.tables.jobs[number] = job
        return job

    def elsewhere(self, host: str) -> str:
        """There are two hosts wherever anything moves."""
        return next(other for other in self.tables.hosts if other != host)

    def still_acting(self, instance: str) -> float | None:
        """Until when an attempt that lost its line may act on."""
        others = (job for job in self.tables.jobs.values() if job.instance == instance)
        return max((job.not_before for job in others if job.not_before and job.not_before > self.now), default=None)

    def holder(self, instance: str) -> Job | None:
        return next((job for job in self.open_of(instance) if not job.giving_way), None)

    def gives_way(self, holder: Job, *, background: bool) -> bool:
        return holder.background and not background

    def _make_way(self, job: Job) -> None:
        if job.state is JobState.QUEUED:
            self._move(job, JobState.CANCELLED, Cause.GAVE_WAY)
        else:
            job.giving_way = job.cancel_requested = True

    def cancel(self, number: int) -> Job:
        job = self.tables.jobs[number]
        if job.state is JobState.QUEUED:
            self.end_before_it_begins(job)
        elif job.state in LEASED:
            job.cancel_requested = True
        else:
            raise NotAllowed
        return job

    def end_before_it_begins(self, job: Job) -> None:
        state = before_it_began(touched=job.touched, retry_safe=job.retry_safe, background=job.background)
        self._move(job, state, Cause.GAVE_WAY if job.giving_way else Cause.CANCELLED)

    def resolve(self, number: int, resolution: Resolution) -> Job:
        job = self.tables.jobs[number]
        if job.state is not JobState.NEEDS_ATTENTION:
            raise NotAllowed
        if resolution is Resolution.RETRY:
            job.max_attempts = job.attempt + 1
            job.cancel_requested = False
        self._move(job, SETTLED[resolution], Cause.RESOLVED)
        self._follow(job)
        return job

    def _move(self, job: Job, state: JobState, cause: Cause | None) -> None:
        """Every change of state, with what the database's triggers and constraints make of it."""
        if job.state in LEASED and state not in LEASED:
            job.lease_until = None
        if self.frees(job.state, state):
            self.free(job)
        job.state, job.cause = state, cause
        job.finished_at = None if state in OPEN else self.now

    def _follow(self, job: Job) -> None:
        """The instance follows its job to the state in which that ended."""
        step, instance = STEPS[job.action], self.tables.instances[job.instance]
        if job.state is JobState.SUCCEEDED:
            instance.applied |= step.applies_release
            instance.state = step.afterwards or instance.state
            instance.host = job.target or instance.host
        elif job.state is JobState.FAILED:
            instance.state = step.on_failure or instance.state

    # How an attempt goes

    def take(self, job: Job, owner: str, run: int, rounds: int) -> Claim:
        job.state, job.cause, job.owner, job.not_before = JobState.RUNNING, None, owner, None
        job.fence = self.tables.fences[job.instance] = self.next_fence(job)
        job.attempt += 1
        job.run, job.begun = run, False
        job.lease_until, job.deadline = self.now + LEASE, self.now + job.timeout * rounds
        job.events_emitted = job.events_stored = 0
        return Claim(job.id, job.instance, job.action, job.attempt, job.fence)

    def begin(self, held: list[Claim]) -> set[int]:
        """The turn of these in their run has come; the jobs that may begin."""
        jobs = [(self.tables.jobs[each.job], each) for each in held]
        admitted = [job for job, each in jobs if self.may_write(job, each) and not job.cancel_requested]
        for job in admitted:
            job.begun = True
            job.deadline = min(job.deadline or inf, self.now + job.timeout)
        return {job.id for job in admitted}

    def next_fence(self, job: Job) -> int:
        return self.tables.fences[job.instance] + 1

    def may_write(self, job: Job, held: Claim) -> bool:
        return job.fence == held.fence and job.state is JobState.RUNNING

    def may_beat(self, job: Job, held: Claim) -> bool:
        return self.may_write(job, held)

    def may_tell(self, job: Job, held: Claim) -> bool:
        return self.may_write(job, held)

    def may_conclude(self, job: Job, held: Claim) -> bool:
        return self.may_write(job, held)

    def heartbeat(self, held: Claim) -> Beat:
        job = self.tables.jobs[held.job]
        if not self.may_beat(job, held):
            raise Fenced
        job.lease_until = self.now + LEASE
        return Beat(job.cancel_requested, job.deadline is not None and job.deadline < self.now)

    def store(self, held: Claim, upto: int) -> None:
        """Keep the first so many events of the run's story; those that are kept already come once more."""
        job = self.tables.jobs[held.job]
        if not self.may_tell(job, held):
            raise Fenced
        told = {(job.id, held.attempt, counter) for counter in range(1, upto + 1)} - self.tables.events
        self.tables.events |= told
        job.events_stored += len(told)
        job.events_emitted = job.events_stored

    def conclude(self, held: Claim, outcome: Outcome) -> JobState:
        job, instance = self.tables.jobs[held.job], self.tables.instances[held.instance]
        if not self.may_conclude(job, held):
            raise Fenced
        untouched = not outcome.touched and (not job.touched or job.retry_safe)
        serving = instance.applied and outcome.serving and outcome.end is End.FAILED
        known = untouched or is_known(job.action, failed=outcome.end is End.FAILED, serving=serving)
        again = outcome.end is End.UNREACHABLE and self.may_repeat(job, untouched=untouched)
        end = self.really(job, outcome.end)
        job.max_attempts += end is End.NOT_BEGUN
        state, cause = verdict(end, known=known, again=again)
        gave_way = job.giving_way and state is JobState.CANCELLED
        self._move(job, state, Cause.GAVE_WAY if gave_way else cause)
        job.touched |= outcome.touched
        job.events_emitted = max(outcome.emitted, job.events_stored)
        if acts_on(end, state):
            job.not_before = self.now + self.pause(job, again=again)
        if end is End.UNREACHABLE:
            self.park(job.host)
        self._follow(job)
        return job.state

    def really(self, job: Job, end: End) -> End:
        """Who was to be stopped before its turn had come is not put back into the queue."""
        return End.CANCELLED if end is End.NOT_BEGUN and job.cancel_requested else end

    def may_repeat(self, job: Job, *, untouched: bool) -> bool:
        return (untouched or job.retry_safe) and job.attempt < job.max_attempts and not job.cancel_requested

    def pause(self, job: Job, *, again: bool) -> float:
        return QUIESCE + (backoff(job.attempt, self.chance) if again else 0.0)

    # What is done about attempts that nobody keeps

    def reap(self) -> int:
        expired = [job for job in self.tables.jobs.values() if self.is_expired(job)]
        expired.sort(key=lambda job: job.lease_until or 0.0)
        for job in expired[:AT_ONCE]:
            self.lose(job) if job.state is JobState.RUNNING else self.after_quiesce(job)
        return len(expired[:AT_ONCE])

    def is_expired(self, job: Job) -> bool:
        return job.lease_until is not None and job.lease_until < self.now

    def lose(self, job: Job) -> None:
        self._move(job, JobState.QUIESCING, Cause.LEASE_LOST)
        job.touched |= job.begun  # for all we know
        job.lease_until = self.now + QUIESCE

    def after_quiesce(self, job: Job) -> None:
        if not self.had_begun(job):
            self._put_back(job)
            return
        state, cause = after_quiesce(
            retry_safe=job.retry_safe,
            attempt=job.attempt,
            max_attempts=job.max_attempts,
            cancelled=job.cancel_requested,
            background=job.background,
        )
        self._move(job, state, Cause.GAVE_WAY if job.giving_way else cause)

    def had_begun(self, job: Job) -> bool:
        return job.begun

    def _put_back(self, job: Job) -> None:
        if job.cancel_requested:
            self.end_before_it_begins(job)
        else:
            self._move(job, JobState.QUEUED, Cause.NOT_BEGUN)
            job.max_attempts += 1

    def recover(self) -> None:
        """What follows a restore of the database."""
        for job in self.tables.jobs.values():
            if job.state in LEASED or (job.state is JobState.QUEUED and not job.retry_safe):
                self._move(job, JobState.CANCELLED if job.background else JobState.NEEDS_ATTENTION, Cause.RESTORED)
        for instance in self.tables.fences:
            self.tables.fences[instance] += self.leap()

    def leap(self) -> int:
        return LEAP
