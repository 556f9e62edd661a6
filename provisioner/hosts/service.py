"""Registering hosts; and the circuit breaker: a host that does not answer is parked until a probe finds it again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from provisioner.audit import service as audit
from provisioner.config import settings
from provisioner.db import Json, db
from provisioner.errors import Conflict, NotFound
from provisioner.hosts import keys
from provisioner.hosts.models import Connection, Host, HostState

PROBE_EVERY = timedelta(seconds=15)
PROBES_AT_ONCE = 20
PLAIN = {"address", "site", "country", "memory_mb", "disk_mb", "labels", "slots"}  # what a person says of a host
ACCESS = {"port", "user", "private_key_file", "host_key"}  # and how it is reached
ACTS = {
    HostState.ACTIVE: "activate",
    HostState.CORDONED: "cordon",
    HostState.DRAINING: "drain",
    HostState.RETIRED: "retire",
}


@dataclass(frozen=True)
class Registration:
    name: str
    address: str
    connection: Connection
    site: str
    port_first: int | None
    port_last: int | None
    facts: Json
    slots: int = 4
    country: str = field(default_factory=lambda: settings().country)
    memory_mb: int | None = None
    disk_mb: int | None = None
    labels: list[str] = field(default_factory=list)


def register(wanted: Registration) -> Host:
    """Enter a host, or bring what is known of it up to date; a host keeps its ports once it has them."""
    host = db.session.scalar(select(Host).where(Host.name == wanted.name).with_for_update(key_share=True))
    if host is None:
        host = Host(id=uuid4(), **wanted.__dict__)
        db.session.add(host)
        audit.record("host.register", "host", host.id, after={"name": host.name, "site": host.site})
    elif host.facts != wanted.facts:
        audit.record("host.describe", "host", host.id, before=host.facts, after=wanted.facts)
        host.facts = wanted.facts
    return host


@dataclass(frozen=True)
class NewHost:
    """A server that is reached by SSH. `host_key`: the keys by which it proves that it is the right one (hosts.keys).

    It gets no instances before it is prepared.
    """

    name: str
    address: str
    site: str
    user: str
    private_key_file: str  # a path on the workers of its site
    host_key: str
    reason: str
    port: int = keys.SSH_PORT
    slots: int = 4
    country: str = field(default_factory=lambda: settings().country)
    memory_mb: int | None = None
    disk_mb: int | None = None
    labels: list[str] = field(default_factory=list)


def add(wanted: NewHost) -> Host:
    """Enter a server that a person knows of; Conflict if there is one of this name."""
    pinned = keys.read(wanted.host_key, wanted.address, wanted.port)
    plain = {name: getattr(wanted, name) for name in PLAIN}
    ssh = {
        "port": wanted.port,
        "user": wanted.user,
        "private_key_file": wanted.private_key_file,
        "known_hosts": keys.known_hosts(pinned, wanted.address, wanted.port),
    }
    host = Host(id=uuid4(), name=wanted.name, connection=Connection.SSH, facts={"ssh": ssh}, **plain)
    try:
        with db.session.begin_nested():
            db.session.add(host)
    except IntegrityError:
        raise Conflict("There is a server %(name)s already.", name=wanted.name) from None
    after = {"name": host.name, "address": host.address, "site": host.site, "fingerprints": host.fingerprints}
    audit.record("host.register", "host", host.id, reason=wanted.reason, after=after)
    return host


def change(name: str, changes: Mapping[str, Any], reason: str) -> Host:
    """Change what a person said of a host, named as in NewHost; what is left out stays as it is."""
    host = held(name)
    before = _said(host)
    for column in PLAIN & changes.keys():
        setattr(host, column, changes[column])
    if changes.keys() & {*ACCESS, "address"}:
        host.facts = {**host.facts, "ssh": _access(host, changes)}
    after = {key: value for key, value in _said(host).items() if value != before[key]}
    if after:
        known = {key: before[key] for key in after}
        audit.record("host.change", "host", host.id, reason=reason, before=known, after=after)
    return host


def _said(host: Host) -> Json:
    ssh = {key: host.facts.get("ssh", {}).get(key) for key in ("port", "user", "private_key_file")}
    return {**{name: getattr(host, name) for name in sorted(PLAIN)}, **ssh, "fingerprints": host.fingerprints}


def _access(host: Host, changes: Mapping[str, Any]) -> Json:
    """How it is reached from now on. Its keys stay its own, by whatever name it is looked up."""
    if host.connection is not Connection.SSH:
        raise Conflict("%(name)s is this machine: how it is reached cannot be changed.", name=host.name)
    known = host.facts["ssh"]
    given = {key: changes.get(key, known[key]) for key in ("port", "user", "private_key_file")}
    text = changes.get("host_key")
    pinned = keys.read(text, host.address, given["port"]) if text else keys.pinned(known["known_hosts"])
    return {**given, "known_hosts": keys.known_hosts(pinned, host.address, given["port"])}


def turn(name: str, state: HostState, reason: str) -> Host:
    """Bring a host into another state. The caller has seen to it that one that is retired has no instances."""
    host = held(name)
    if host.state is not state:
        before = {"state": host.state}
        host.state = state
        audit.record(f"host.{ACTS[state]}", "host", host.id, reason=reason, before=before, after={"name": host.name})
    return host


def held(name: str) -> Host:
    """The host, held until the end of the transaction: nothing is placed on it meanwhile. NotFound."""
    query = select(Host).where(Host.name == name).with_for_update(key_share=True)
    host = db.session.scalar(query.execution_options(populate_existing=True))
    if host is None:
        raise NotFound(kind="host", key=name)
    return host


def held_for_placement() -> Sequence[Host]:
    """The hosts in use by name, held until the end of the transaction so that no two take the same room."""
    query = select(Host).where(Host.state != HostState.RETIRED).order_by(Host.name).with_for_update(key_share=True)
    return db.session.scalars(query.execution_options(populate_existing=True)).all()


def park(host_id: UUID) -> None:
    """It did not answer: nothing new begins on it until a probe finds it again."""
    host = _held(host_id)
    if host.parked_at is None:
        host.parked_at = func.clock_timestamp()
        audit.record("host.park", "host", host.id, after={"name": host.name})
    host.probe_at = func.clock_timestamp() + PROBE_EVERY


def take_probes(sites: Sequence[str]) -> Sequence[Host]:
    """The parked hosts of these sites that are to be looked at now; nobody else gets them before the next time."""
    due = db.session.scalars(
        select(Host)
        .where(Host.site.in_(sites), Host.probe_at <= func.clock_timestamp())
        .order_by(Host.probe_at)
        .limit(PROBES_AT_ONCE)
        .with_for_update(skip_locked=True, key_share=True)
    ).all()
    for host in due:
        host.probe_at = func.clock_timestamp() + PROBE_EVERY
    return due


def reopen(host_id: UUID) -> None:
    """It answers again: its jobs go on."""
    host = _held(host_id)
    if host.parked_at is not None:
        host.parked_at = host.probe_at = None
        audit.record("host.reopen", "host", host.id, after={"name": host.name})


def _held(host_id: UUID) -> Host:
    query = (
        select(Host).where(Host.id == host_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    )
    return db.session.scalars(query).one()
