"""The states of a job and how one leads to the next. Pure: no clock, no database."""

from enum import StrEnum


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    QUIESCING = "quiescing"  # the lease was lost; what it started is given time to die
    NEEDS_ATTENTION = "needs_attention"  # the outcome is unknown; a person decides
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


OPEN = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.QUIESCING, JobState.NEEDS_ATTENTION})
LEASED = frozenset({JobState.RUNNING, JobState.QUIESCING})
FIRST_PAUSE, LONGEST_PAUSE = 15.0, 15 * 60.0  # seconds between attempts to reach a host


class Cause(StrEnum):
    """Why a job ended as it did, or went back to the queue."""

    PLAYBOOK_FAILED = "playbook_failed"
    UNREACHABLE = "unreachable"
    LEASE_LOST = "lease_lost"
    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    RUN_BROKEN = "run_broken"  # the run ended without saying how
    OUT_OF_MEMORY = "out_of_memory"  # the run took more than it may
    NOT_ADMITTED = "not_admitted"  # the host is there, but its key or our login is wrong
    RESOLVED = "resolved"
    GAVE_WAY = "gave_way"  # a sweep's, stopped for a person's job
    RESTORED = "restored"  # the database was restored from a backup: what happened since is unknown
    NOT_BEGUN = "not_begun"  # the run ended before the job's turn in it had come


class SlotScope(StrEnum):
    APP = "app"
    HOST = "host"


class Waiting(StrEnum):
    """Why a queued job is not carried out yet."""

    DRAINING = "draining"  # the service or the site begins nothing new
    FROZEN = "frozen"  # a freeze window holds, and it changes its instance
    NO_WORKER = "no_worker"  # no worker of its site has been seen lately
    NO_COMMON_WORKER = "no_common_worker"  # none that serves the sites of both servers of a move
    HOST_PARKED = "host_parked"
    TARGET_PARKED = "target_parked"  # the server that the instance moves to
    LATER = "later"  # an attempt could not reach the host, or was cut off and may act on
    INSTANCE_BUSY = "instance_busy"  # a check is being stopped for it
    APP_SLOTS = "app_slots"  # as many jobs of the app run as may at once
    HOST_SLOTS = "host_slots"
    TARGET_SLOTS = "target_slots"  # of the server that the instance moves to
    TURN = "turn"  # others are taken before it, or it is the next one


class Resolution(StrEnum):
    """What a person can say of a job that needs attention."""

    RETRY = "retry"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


def before_it_began(*, touched: bool, retry_safe: bool, background: bool) -> JobState:
    """Where a job goes that is cancelled while nothing of it acts.

    `touched`: an earlier attempt may have left something half done; then a person must look first.
    """
    return JobState.NEEDS_ATTENTION if touched and not retry_safe and not background else JobState.CANCELLED


def after_quiesce(
    *, retry_safe: bool, attempt: int, max_attempts: int, cancelled: bool, background: bool
) -> tuple[JobState, Cause]:
    """Where a job that had begun goes once nothing of its lost attempt can act any more, and why.

    `cancelled`: it was to be stopped anyway. A background job changes nothing, so it may end there: never may a sweep
    leave an instance locked.
    """
    if cancelled:
        return (JobState.CANCELLED if background else JobState.NEEDS_ATTENTION), Cause.CANCELLED
    if retry_safe and attempt < max_attempts:
        return JobState.QUEUED, Cause.LEASE_LOST
    return (JobState.FAILED if background else JobState.NEEDS_ATTENTION), Cause.LEASE_LOST


def backoff(attempt: int, chance: float) -> float:
    """Seconds until the next attempt to reach a host, after the `attempt`th; `chance`, from 0 to 1, spreads them."""
    return min(FIRST_PAUSE * 2.0 ** (attempt - 1), LONGEST_PAUSE) * (0.5 + chance)


class End(StrEnum):
    """How a run came to its end, as the worker saw it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"  # a task failed
    UNREACHABLE = "unreachable"  # the host did not answer
    NOT_ADMITTED = "not_admitted"  # the host showed a wrong key, or refused our login: trying again is of no use
    BROKEN = "broken"  # the run ended without saying how
    OUT_OF_MEMORY = "out_of_memory"  # killed because it took more than it may
    CANCELLED = "cancelled"  # killed because somebody asked
    DEADLINE = "deadline"  # killed because it took too long
    NOT_BEGUN = "not_begun"  # the run ended before the job's turn in it had come


CAUSES = {
    End.FAILED: Cause.PLAYBOOK_FAILED,
    End.UNREACHABLE: Cause.UNREACHABLE,
    End.NOT_ADMITTED: Cause.NOT_ADMITTED,
    End.BROKEN: Cause.RUN_BROKEN,
    End.OUT_OF_MEMORY: Cause.OUT_OF_MEMORY,
    End.CANCELLED: Cause.CANCELLED,
    End.DEADLINE: Cause.DEADLINE,
    End.NOT_BEGUN: Cause.NOT_BEGUN,
}
CLEAN = {End.SUCCEEDED: JobState.SUCCEEDED, End.CANCELLED: JobState.CANCELLED, End.DEADLINE: JobState.TIMED_OUT}


def verdict(end: End, *, known: bool, again: bool = False) -> tuple[JobState, Cause | None]:
    """The state a job ends in, and why.

    `known`: what the instance is like now is certain; else a person must look. `again`: another attempt follows.
    """
    if end is End.SUCCEEDED:
        return JobState.SUCCEEDED, None
    if again or end is End.NOT_BEGUN:
        return JobState.QUEUED, CAUSES[end]
    return (CLEAN.get(end, JobState.FAILED) if known else JobState.NEEDS_ATTENTION), CAUSES[end]


def acts_on(end: End, state: JobState) -> bool:
    """Whether something that the attempt started may still act on the host for a while: its line is gone."""
    return end is End.UNREACHABLE or (state is JobState.NEEDS_ATTENTION and end is not End.FAILED)
