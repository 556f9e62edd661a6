"""What of the registry still waits for somebody."""

from datetime import UTC, datetime
from typing import Any

WAITING = {"registered", "in-progress"}


def waits(status: Any) -> bool:
    return bool(status) and status.name.plain() in WAITING


def late(mail: Any) -> bool:
    due = mail.due.pretty("%Y-%m-%d") if mail.due else ""
    return bool(due) and due < datetime.now(UTC).date().isoformat() and waits(mail.status)


def init(tracker: Any) -> None:
    tracker.registerUtil("waits", waits)
    tracker.registerUtil("late", late)
