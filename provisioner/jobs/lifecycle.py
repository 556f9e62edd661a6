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


class Cause(StrEnum):
    """Why a job ended as it did, or went back to the queue."""

    PLAYBOOK_FAILED = "playbook_failed"
    UNREACHABLE = "unreachable"
    LEASE_LOST = "lease_lost"
    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    RUN_BROKEN = "run_broken"  # the run ended without saying how
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """What a person can say of a job that needs attention."""

    RETRY = "retry"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


def after_quiesce(*, retry_safe: bool, attempt: int, max_attempts: int) -> JobState:
    """Where a job goes once nothing of its lost attempt can act any more."""
    return JobState.QUEUED if retry_safe and attempt < max_attempts else JobState.NEEDS_ATTENTION


class End(StrEnum):
    """How a run came to its end, as the worker saw it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"  # a task failed
    UNREACHABLE = "unreachable"  # the host did not answer
    BROKEN = "broken"  # the run ended without saying how
    CANCELLED = "cancelled"  # killed because somebody asked
    DEADLINE = "deadline"  # killed because it took too long


CAUSES = {
    End.FAILED: Cause.PLAYBOOK_FAILED,
    End.UNREACHABLE: Cause.UNREACHABLE,
    End.BROKEN: Cause.RUN_BROKEN,
    End.CANCELLED: Cause.CANCELLED,
    End.DEADLINE: Cause.DEADLINE,
}
CLEAN = {End.SUCCEEDED: JobState.SUCCEEDED, End.CANCELLED: JobState.CANCELLED, End.DEADLINE: JobState.TIMED_OUT}


def verdict(end: End, *, known: bool) -> tuple[JobState, Cause | None]:
    """The state a job ends in. `known`: what the instance is like now is certain; else a person must look."""
    if end is End.SUCCEEDED:
        return JobState.SUCCEEDED, None
    return (CLEAN.get(end, JobState.FAILED) if known else JobState.NEEDS_ATTENTION), CAUSES[end]
