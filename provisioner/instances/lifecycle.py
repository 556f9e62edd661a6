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
    RECONFIGURE = "reconfigure"
    CHECK = "check"


@dataclass(frozen=True)
class Step:
    """One action: where it may start, where it leads, and what a failure leaves behind."""

    allowed_from: frozenset[State]
    afterwards: State | None  # None: as before
    on_failure: State | None = None
    applies_release: bool = False  # success means that the desired release is in place
    converges: bool = False  # success means that everything desired is in place, so it need not be done again
    read_only: bool = False  # may be stopped anywhere


STEPS: dict[Action, Step] = {
    Action.PROVISION: Step(
        frozenset({State.PLANNED, State.FAILED}),
        State.ACTIVE,
        on_failure=State.FAILED,
        applies_release=True,
        converges=True,
    ),
    Action.UPDATE: Step(frozenset({State.ACTIVE}), State.ACTIVE, applies_release=True, converges=True),
    Action.RECONFIGURE: Step(frozenset({State.ACTIVE}), State.ACTIVE, converges=True),
    Action.CHECK: Step(frozenset({State.ACTIVE, State.SUSPENDED}), None, read_only=True),
}


def may(action: Action, state: State) -> bool:
    return state in STEPS[action].allowed_from


def is_known(action: Action, *, failed: bool, serving: bool) -> bool:
    """Whether it is certain what an unsuccessful action left behind.

    `failed`: its playbook came to its own end, so that it could clean up; `serving`: it reported that the release of
    before serves again. A first provisioning that failed has nothing to lose and is kept as it is.
    """
    return STEPS[action].read_only or serving or (failed and STEPS[action].on_failure is not None)
