"""What a freeze window stops, and where it stands in time. Pure: no clock, no database."""

from enum import StrEnum


class Scope(StrEnum):
    """Whose instances nothing changes while the window holds."""

    GLOBAL = "global"
    APP = "app"
    ADMINISTRATION = "administration"


class FreezeState(StrEnum):
    COMING = "coming"
    HOLDING = "holding"
    OVER = "over"
