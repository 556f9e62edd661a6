"""What runs tell of an instance beside how they ended: its health, and when somebody last asked for it."""

from datetime import datetime

from provisioner.db import Json
from provisioner.instances.lifecycle import Health
from provisioner.instances.models import Instance


def learn(instance: Instance, report: Json, now: datetime) -> None:
    """Keep what the report of a run says; the caller holds the instance's row."""
    if "health" in report:
        healthy = report["health"] == Health.HEALTHY
        instance.health = Health.HEALTHY if healthy else Health.UNHEALTHY
        instance.health_at = now
    used = _moment(report.get("last_used"))
    # A server that it has come to knows of no use elsewhere.
    if used and (instance.last_used_at is None or instance.last_used_at < used):
        instance.last_used_at = used


def _moment(told: object) -> datetime | None:
    """None for what is no moment with a zone: it comes from a server."""
    try:
        moment = datetime.fromisoformat(str(told))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
