"""What can become of a link."""

from enum import StrEnum


class HandoverState(StrEnum):
    OPEN = "open"
    OPENED = "opened"
    EXPIRED = "expired"
    REVOKED = "revoked"
