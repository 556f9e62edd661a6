"""Where a drain holds: nothing new is begun there, and what runs comes to its end."""

from enum import StrEnum


class DrainScope(StrEnum):
    SERVICE = "service"
    SITE = "site"
    WORKER = "worker"
