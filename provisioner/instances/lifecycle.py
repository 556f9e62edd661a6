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
    SUSPEND = "suspend"
    RESUME = "resume"
    ROTATE = "rotate"
    BACK_UP = "back_up"
    RESTORE = "restore"  # to a backup, its release included
    DRILL = "drill"  # a copy is restored beside the instance, read and erased: the backup is proven
    CHECK = "check"
    MOVE = "move"  # to another host
    REMOVE = "remove"


@dataclass(frozen=True)
class Step:
    """One action: where it may start, where it leads, and what a failure leaves behind."""

    allowed_from: frozenset[State]
    afterwards: State | None  # None: as before
    on_failure: State | None = None
    applies_release: bool = False  # success means that the desired release is in place
    converges: bool = False  # success means that everything desired is in place, so it need not be done again
    blames_release: bool = False  # a failure is the release's: it is not tried again until a person says so
    on_a_copy: bool = False  # what it reports of health is of a copy beside the instance
    read_only: bool = False  # changes nothing of the instance, so it may be stopped anywhere
    keeps_backup: bool = False  # puts one into the store
    opens_backup: bool = False  # needs a backup, and the key to it
    moves: bool = False  # leads to another host, by way of a backup in the store
    renews: bool = False  # gives the instance new secrets, so that there is always something to do


LIVE = frozenset({State.ACTIVE, State.SUSPENDED})

STEPS: dict[Action, Step] = {
    Action.PROVISION: Step(
        frozenset({State.PLANNED, State.FAILED}),
        State.ACTIVE,
        on_failure=State.FAILED,
        applies_release=True,
        converges=True,
        blames_release=True,
    ),
    Action.UPDATE: Step(LIVE, None, applies_release=True, converges=True, blames_release=True),
    Action.RECONFIGURE: Step(LIVE, None, converges=True),
    Action.SUSPEND: Step(frozenset({State.ACTIVE}), State.SUSPENDED),
    Action.RESUME: Step(frozenset({State.SUSPENDED}), State.ACTIVE),
    Action.ROTATE: Step(frozenset({State.ACTIVE}), State.ACTIVE, converges=True, renews=True),
    Action.BACK_UP: Step(LIVE, None, read_only=True, keeps_backup=True),
    Action.RESTORE: Step(LIVE, None, applies_release=True, converges=True, opens_backup=True),
    Action.DRILL: Step(LIVE, None, on_a_copy=True, read_only=True, opens_backup=True),
    Action.CHECK: Step(LIVE, None, read_only=True),
    Action.MOVE: Step(LIVE, None, keeps_backup=True, moves=True),
    Action.REMOVE: Step(frozenset({State.PLANNED, State.FAILED, State.SUSPENDED}), State.REMOVED, keeps_backup=True),
}


NOTICE = "notice"  # what a suspended instance reports as the version that it serves


def may(action: Action, state: State) -> bool:
    return state in STEPS[action].allowed_from


def may_be_asked(action: Action, state: State) -> bool:
    """As `may`; but the removal of an instance that serves begins with its suspension."""
    return may(action, state) or (action is Action.REMOVE and may(Action.SUSPEND, state))


def is_known(action: Action, *, failed: bool, serving: bool) -> bool:
    """Whether it is certain what an unsuccessful action left behind.

    `failed`: its playbook came to its own end, so that it could clean up; `serving`: it did, and reported that the
    release of before serves again. A first provisioning that failed has nothing to lose and is kept as it is.
    """
    return STEPS[action].read_only or serving or (failed and STEPS[action].on_failure is not None)
