"""Finding a host for a new instance, and whether its name is still to be had."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from provisioner.catalogue.models import App
from provisioner.db import db
from provisioner.errors import Conflict, marked as _l
from provisioner.hosts import service as hosts, weighing
from provisioner.hosts.models import Host
from provisioner.hosts.weighing import Need, Room, Unfit
from provisioner.instances.lifecycle import State
from provisioner.instances.models import Instance
from provisioner.instances.rooms import free_ports, need_of, room, taken
from provisioner.presentation import Country
from provisioner.workers import queries as workers

LONGEST_LABEL = 63  # characters of one label of a host name (RFC 1035)
USUAL_PORTS = {"http": 80, "https": 443}


# Each for data that may lie anywhere, and for data that stay in the country.
REFUSALS: dict[Unfit | None, tuple[str, str]] = {
    None: (_l("No server is registered."),) * 2,
    Unfit.COUNTRY: (_l("No server is in %(country)s, which the data of %(app)s do not leave."),) * 2,
    Unfit.SITE: (_l("No worker that serves the site %(site)s serves that of another server."),) * 2,
    Unfit.STATE: (
        _l("No server takes new instances."),
        _l("No server in %(country)s takes new instances."),
    ),
    Unfit.NOT_PREPARED: (
        _l("No server that takes new instances is prepared for them."),
        _l("No server in %(country)s that takes new instances is prepared for them."),
    ),
    Unfit.LABELS: (
        _l("No server has all the labels that %(app)s asks for: %(labels)s."),
        _l("No server in %(country)s has all the labels that %(app)s asks for: %(labels)s."),
    ),
    Unfit.MEMORY: (
        _l("No server has %(memory_mb)s MB of memory free."),
        _l("No server in %(country)s has %(memory_mb)s MB of memory free."),
    ),
    Unfit.DISK: (
        _l("No server has %(disk_mb)s MB of disk free."),
        _l("No server in %(country)s has %(disk_mb)s MB of disk free."),
    ),
    Unfit.PORTS: (
        _l("No server has a free port."),
        _l("No server in %(country)s has a free port."),
    ),
}
# The same for what leaves the only server.
ALONE = (_l("No other server is registered."),) * 2


class NoRoom(Conflict):
    """`hosts` says of each why it gets no instance."""

    code = "no-room"

    def __init__(self, app: App, need: Need, rooms: Sequence[Room]) -> None:
        anywhere, in_country = REFUSALS[weighing.hindrance(rooms, need)] if rooms or not need.site else ALONE
        super().__init__(
            in_country if need.country else anywhere,
            app=app.slug,
            country=Country(need.country or ""),
            site=need.site,
            labels=", ".join(sorted(need.labels)),
            memory_mb=need.memory_mb,
            disk_mb=need.disk_mb,
            hosts=[{"host": room.name, "reason": weighing.unfit(room, need)} for room in rooms],
        )


@dataclass(frozen=True)
class Place:
    host: Host
    port: int | None  # None: the instance is told apart by its name

    def address(self, hostname: str) -> str:
        """Where an instance of this host name answers."""
        if self.port is not None:
            return f"http://{self.host.address}:{self.port}/"
        proxy = self.host.facts["proxy"]
        port = proxy.get("port", USUAL_PORTS[proxy["scheme"]])
        shown = "" if port == USUAL_PORTS[proxy["scheme"]] else f":{port}"
        return f"{proxy['scheme']}://{hostname}{shown}/"


class Vacancies:
    """All hosts, held until the end of the transaction, and what is taken of them while instances get places.

    A planned instance is its own reservation, and so is the open job that moves one.
    """

    def __init__(self) -> None:
        self._hosts = {host.name: host for host in hosts.held_for_placement()}
        self._taken = taken()
        self._joined = workers.joined()

    def place(self, app: App, *, leaving: UUID | None = None, only: str | None = None) -> Place:
        """The host that suits the app best, and its lowest free port if it has ports; NoRoom where none suits.

        `leaving`: the id of the host that the instance leaves; `only`: the name of the one that counts.
        """
        need = need_of(app, next((each.site for each in self._hosts.values() if each.id == leaving), None))
        possible = [each for each in self._hosts.values() if each.id != leaving and only in {None, each.name}]
        rooms = [room(host, self._taken[host.id], self._joined) for host in possible]
        chosen = weighing.best(rooms, need)
        if chosen is None:
            raise NoRoom(app, need, rooms)
        host = self._hosts[chosen.name]
        port = min(free_ports(host, self._taken[host.id]), default=None)
        self._taken[host.id].add(app.manifest["resources"], port)
        return Place(host, port)


def free(hostname: str) -> str:
    """The name itself; Conflict if no host can have it, or if an instance has it: `Vacancies` let nobody else in."""
    if len(hostname.partition(".")[0]) > LONGEST_LABEL:
        raise Conflict(
            "%(hostname)s is too long for a host name. Give the administration a shorter label.", hostname=hostname
        )
    there = select(Instance.id).where(Instance.hostname == hostname, Instance.state != State.REMOVED)
    instance_id = db.session.scalar(there)
    if instance_id:
        raise Conflict(
            "The host name %(hostname)s belongs to another instance already: %(instance_id)s.",
            hostname=hostname,
            instance_id=str(instance_id),
        )
    return hostname
