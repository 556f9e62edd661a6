"""Looks at a host, as a worker keeps them, without a run."""

from typing import Any

from sqlalchemy import text

from provisioner.db import Json, transaction
from provisioner.findings import queries, service
from provisioner.findings.lifecycle import FindingState
from provisioner.findings.queries import Filter
from provisioner.findings.service import Look
from provisioner.hosts.models import Host
from provisioner.instances.models import Instance
from provisioner.paging import PageRequest
from tests import factories


def report(*instances: Instance, runtime: str = "complaints-1.0", **changes: Any) -> Json:
    """What the module would report of a host on which all is as it should be with these instances."""
    names = [each.short_id for each in instances]
    changed = {"folders": {}, **changes}
    folders = {"instances": names, "notices": [], "runtimes": [runtime], "backups": []} | changed.pop("folders")
    return {
        "at": "2026-06-01T01:00:00+00:00",
        "python": "3.12.1",
        "postgres": "15.4",
        "disk": {"total": 100, "free": 50},
        "memory": {"total": 100, "free": 50},
        "folders": folders,
        "services": {name: {"state": "running", "serves": runtime} for name in names},
        "databases": names,
        "roles": names,
        **changed,
    }


def begun(host: Host) -> Look:
    with transaction():
        service.look_now(host.name)
    with transaction() as session:
        look = service.begin([factories.SITE])
        assert look, "no host was to be looked at"
        session.flush()
        session.expunge(look.host)
    return look


def time_passes() -> None:
    """Who looks at a host now has not come to an end for so long that he counts as dead."""
    with transaction() as session:
        session.execute(text("UPDATE survey SET began_at = began_at - interval '1 hour'"))


def looked(host: Host, told: Json, look: Look | None = None) -> int:
    """How many differences a look at the host finds that sees this."""
    look = look or begun(host)
    with transaction():
        return service.keep(look, told)


def found(state: FindingState | None = FindingState.OPEN) -> list[Any]:
    return list(queries.find(Filter(state), PageRequest()).rows)


def kinds(state: FindingState | None = FindingState.OPEN) -> set[tuple[str, str]]:
    return {(each.kind.value, each.subject) for each in found(state)}
