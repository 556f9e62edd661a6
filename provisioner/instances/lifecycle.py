"""What may be done to an instance in which state, and what it is afterwards. Rules as a table, no database in sight."""

from dataclasses import dataclass
from enum import StrEnum


class Environment(StrEnum):
    PRODUCTION = "production"
    TRAINING = "training"


class State(StrEnum):
    PLANNED = "planned"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    FAILED = "failed"  # the first provisioning did not succeed; kept with its evidence
    REMOVED = "removed"


class Health(StrEnum):
    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class Action(StrEnum):
    PROVISION = "provision"
    UPDATE = "update"
    CHECK = "check"


@dataclass(frozen=True)
class Step:
    """One action: where it may start, where it leads, and what a failure leaves behind."""

    allowed_from: frozenset[State]
    afterwards: State | None  # None: as before
    on_failure: State | None = None
    applies_release: bool = False  # success means that the desired release is in place


STEPS: dict[Action, Step] = {
    Action.PROVISION: Step(
        frozenset({State.PLANNED, State.FAILED}), State.ACTIVE, on_failure=State.FAILED, applies_release=True
    ),
    Action.UPDATE: Step(frozenset({State.ACTIVE}), State.ACTIVE, applies_release=True),
    Action.CHECK: Step(frozenset({State.ACTIVE, State.SUSPENDED}), None),
}


def may(action: Action, state: State) -> bool:
    return state in STEPS[action].allowed_from
