"""Freeze windows for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from provisioner.db import transaction
from provisioner.freezes import service
from provisioner.freezes.models import Freeze
from provisioner.freezes.service import Wanted

HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


def frozen(reason: str = "elections", **more: Any) -> Freeze:
    """A window that holds from now on for an hour, for everything unless `more` says for whom."""
    with transaction():
        return service.plan(Wanted(**{"ends": now() + HOUR, "reason": reason, **more}))
