"""What instances take of their hosts, what an app needs of one, and where more instances would go."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import func, select

from provisioner.catalogue.models import App
from provisioner.config import settings
from provisioner.db import Json, db
from provisioner.hosts import queries as hosts, weighing
from provisioner.hosts.balancing import Lodger
from provisioner.hosts.models import Host, HostState
from provisioner.hosts.weighing import Foresight, Need, Room
from provisioner.instances.lifecycle import LIVE, State
from provisioner.instances.models import Instance
from provisioner.jobs.lifecycle import OPEN
from provisioner.jobs.models import Job
from provisioner.workers import queries as workers

RESTRICTED = "restricted"  # the classification of data that stay in the country


@dataclass
class Taken:
    """What the instances of a host, planned ones among them, have of it by the manifests of their apps."""

    instances: int = 0
    memory_mb: int = 0
    disk_mb: int = 0
    ports: set[int] = field(default_factory=set)

    def add(self, resources: Json, port: int | None) -> None:
        """One instance more."""
        self.instances += 1
        self.memory_mb += resources["memory_mb"]
        self.disk_mb += resources["disk_mb"]
        self.ports.update(() if port is None else (port,))


def taken() -> dict[UUID, Taken]:
    """What is taken of each host, by its id: by the instances that it has, and by those that are on their way to it.

    What a removed instance had is free again.
    """
    resources = App.manifest["resources"]
    memory, disk = resources["memory_mb"].as_integer(), resources["disk_mb"].as_integer()
    there = select(Instance.host_id, Instance.app_id, Instance.port).where(Instance.state != State.REMOVED)
    coming = select(Job.target_host_id, Job.app_id, Job.target_port).where(
        Job.target_host_id.is_not(None), Job.state.in_(OPEN)
    )
    lodger = there.union_all(coming).subquery()
    ports = func.array_agg(lodger.c.port).filter(lodger.c.port.is_not(None))
    lodging = select(lodger.c.host_id, lodger.c.app_id, func.count().label("instances"), ports.label("ports"))
    grouped = lodging.group_by(lodger.c.host_id, lodger.c.app_id).subquery()
    query = select(grouped, memory.label("memory_mb"), disk.label("disk_mb")).join(App, App.id == grouped.c.app_id)
    used: dict[UUID, Taken] = defaultdict(Taken)
    for row in db.session.execute(query):
        host = used[row.host_id]
        host.instances += row.instances
        host.memory_mb += row.instances * row.memory_mb
        host.disk_mb += row.instances * row.disk_mb
        host.ports.update(row.ports or ())
    return used


def free_ports(host: Host, used: Taken) -> set[int]:
    """None of a host that has no ports, or whose instances are told apart by their names."""
    if host.isolated or host.port_first is None or host.port_last is None:
        return set()
    return set(range(host.port_first, host.port_last + 1)) - used.ports


def room(host: Host, used: Taken, joined: Mapping[str, frozenset[str]]) -> Room:
    """The host as placement sees it. `joined`: see workers.queries."""
    return Room(
        name=host.name,
        country=host.country,
        sites=joined.get(host.site, frozenset()) | {host.site},
        state=host.state,
        prepared=host.prepared,
        parked=host.parked_at is not None,
        labels=frozenset(host.labels),
        memory_mb=host.memory_mb,
        disk_mb=host.disk_mb,
        free_ports=None if host.isolated else len(free_ports(host, used)),
        instances=used.instances,
        memory_taken=used.memory_mb,
        disk_taken=used.disk_mb,
    )


def rooms() -> list[Room]:
    """All hosts that are in use, by name."""
    used, joined = taken(), workers.joined()
    return [room(host, used[host.id], joined) for host in hosts.every() if host.state is not HostState.RETIRED]


def need_of(app: App, site: str | None = None) -> Need:
    """What an instance of the app takes, and where its data may lie. `site`: of the host that it leaves."""
    manifest, resources = app.manifest, app.manifest["resources"]
    return Need(
        memory_mb=resources["memory_mb"],
        disk_mb=resources["disk_mb"],
        labels=frozenset(manifest.get("host_labels", ())),
        country=settings().country if manifest["classification"] == RESTRICTED else None,
        site=site,
    )


def foresee(need: Need, count: int) -> Foresight:
    """Where so many instances with this need would go, as things stand."""
    return weighing.foresee(rooms(), need, count)


def lodgers() -> list[Lodger]:
    """The instances that could be moved; their keys are their ids."""
    query = select(Instance.id, Host.name, Host.site, App).join(Host, Host.id == Instance.host_id)
    query = query.join(App, App.id == Instance.app_id).where(Instance.state.in_(LIVE))
    found = db.session.execute(query.order_by(Instance.id)).all()
    needs = {(app, site): need_of(app, site) for _, _, site, app in found}
    return [Lodger(key, host, needs[app, site]) for key, host, site, app in found]
