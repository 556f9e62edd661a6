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


def after_stop(cause: Cause, *, touched: bool) -> JobState:
    """Where a job goes whose run was killed; `touched`: a task had started on the target."""
    if touched:
        return JobState.NEEDS_ATTENTION
    return JobState.TIMED_OUT if cause is Cause.DEADLINE else JobState.CANCELLED
