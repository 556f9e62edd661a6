"""Who may do what: the one policy, default deny. No database in sight."""

from collections.abc import Iterable
from enum import StrEnum


class Right(StrEnum):
    """What a door asks for."""

    VIEW = "view"  # read the register, the catalogue, instances and jobs
    OPERATE = "operate"  # ask for actions on instances, cancel and resolve jobs
    HAND_OVER = "hand_over"  # make links by which a receiver sees a secret of an instance, once
    APPROVE = "approve"  # decide on requests of others
    ADMINISTER = "administer"  # the register of administrations, accounts, catalogue, hosts
    AUDIT = "audit"  # read the audit


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.VIEWER: frozenset({Right.VIEW}),
    Role.OPERATOR: frozenset({Right.VIEW, Right.OPERATE, Right.HAND_OVER}),
    Role.APPROVER: frozenset({Right.VIEW, Right.APPROVE}),
    Role.ADMINISTRATOR: frozenset({Right.VIEW, Right.OPERATE, Right.HAND_OVER, Right.APPROVE, Right.ADMINISTER}),
    # Not a rank above the others: an auditor reads everything and changes nothing.
    Role.AUDITOR: frozenset({Right.VIEW, Right.AUDIT}),
}


def rights_of(roles: Iterable[Role]) -> frozenset[Right]:
    """All that these roles allow together."""
    return frozenset().union(*(RIGHTS[role] for role in roles))
