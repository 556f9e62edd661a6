"""What may differ between a host and the register, and what people can do about it. Pure: no clock, no database."""

from datetime import datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from provisioner.instances.lifecycle import Action
from provisioner.presentation import MOROCCO


class Kind(StrEnum):
    """A difference; the subject of each is a name on the host."""

    UNKNOWN_INSTANCE = "unknown_instance"  # folders of an instance that is not to be here
    UNKNOWN_SERVICE = "unknown_service"
    UNKNOWN_DATABASE = "unknown_database"  # or a role that looks like one
    MISSING_INSTANCE = "missing_instance"  # its folder is not there
    MISSING_SERVICE = "missing_service"
    OTHER_RELEASE = "other_release"  # its service is not of the release that is applied, or not the notice
    NOT_RUNNING = "not_running"
    CHANGED_FILES = "changed_files"  # as its last check said


class FindingState(StrEnum):
    OPEN = "open"
    IGNORED = "ignored"  # until a moment; then it is open again, if it is still there
    CLEARING = "clearing"  # a person decided that it is taken away from the host; the next look at it does that
    SETTLED = "settled"  # by a decision; if it is seen again afterwards, that is a new finding
    GONE = "gone"  # the host was looked at, and it was not there any more


class Decision(StrEnum):
    REPAIR = "repair"  # an ordinary job makes the host what the register says
    ADOPT = "adopt"  # the register says from now on what the host has
    REMOVE = "remove"  # it is taken away from the host, and a last copy kept
    IGNORE = "ignore"


LIVE = (FindingState.OPEN, FindingState.IGNORED, FindingState.CLEARING)
UNKNOWN = frozenset({Kind.UNKNOWN_INSTANCE, Kind.UNKNOWN_SERVICE, Kind.UNKNOWN_DATABASE})
REPAIRS: dict[Kind, Action] = {
    Kind.MISSING_INSTANCE: Action.RESTORE,  # its data lay in the folder
    Kind.MISSING_SERVICE: Action.RECONFIGURE,
    Kind.OTHER_RELEASE: Action.RECONFIGURE,
    Kind.NOT_RUNNING: Action.RECONFIGURE,
    Kind.CHANGED_FILES: Action.RECONFIGURE,
}
ADOPTABLE = frozenset({Kind.OTHER_RELEASE})


def decisions(kind: Kind) -> tuple[Decision, ...]:
    """What can be decided on a finding of this kind."""
    possible = {
        Decision.REPAIR: kind in REPAIRS,
        Decision.ADOPT: kind in ADOPTABLE,
        Decision.REMOVE: kind in UNKNOWN,
        Decision.IGNORE: True,
    }
    return tuple(decision for decision, may in possible.items() if may)


def decidable(decision: Decision) -> frozenset[FindingState]:
    """In which states. What waits to be taken away, perhaps in vain, can be let be."""
    waiting = {FindingState.CLEARING} if decision is Decision.IGNORE else set()
    return frozenset({FindingState.OPEN, FindingState.IGNORED} | waiting)


LONGEST_LOOK = timedelta(minutes=30)  # then somebody else may look: who began is dead
OPENS, HOURS = time(1), 4  # the part of the night in which hosts are looked at, by the clocks of Morocco
PLACES = 1 << 32


def next_look(host_id: UUID, after: datetime) -> datetime:
    """When a host is looked at next: each at a place of its own, the same every night (docs/decisions/0034)."""
    day = after.astimezone(MOROCCO).date()
    part = timedelta(hours=HOURS) * (host_id.int >> 96) / PLACES
    nights = (MOROCCO.localize(datetime.combine(day + timedelta(days=later), OPENS)) + part for later in range(3))
    found: datetime = next(moment for moment in nights if moment > after)
    return found
