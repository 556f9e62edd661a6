"""Registering hosts; and the circuit breaker: a host that does not answer is parked until a probe finds it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import func, select

from provisioner.audit import service as audit
from provisioner.db import Json, db
from provisioner.errors import NotFound
from provisioner.hosts.models import Connection, Host, HostState

PROBE_EVERY = timedelta(seconds=15)
PROBES_AT_ONCE = 20


@dataclass(frozen=True)
class Registration:
    name: str
    address: str
    connection: Connection
    site: str
    port_first: int
    port_last: int
    facts: Json
    slots: int = 4


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


def open_for_placement() -> Sequence[Host]:
    """The hosts that take new instances, held until the end of the transaction so that no two choose the same port."""
    return db.session.scalars(
        select(Host).where(Host.state == HostState.ACTIVE).order_by(Host.name).with_for_update(key_share=True)
    ).all()


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


def set_slots(name: str, slots: int, reason: str) -> Host:
    """How many jobs may act on it at once; what acts on it now comes to its end."""
    host = db.session.scalar(select(Host).where(Host.name == name).with_for_update(key_share=True))
    if host is None:
        raise NotFound(kind="host", key=name)
    audit.record("host.set_slots", "host", host.id, reason=reason, before={"slots": host.slots}, after={"slots": slots})
    host.slots = slots
    return host


def _held(host_id: UUID) -> Host:
    query = (
        select(Host).where(Host.id == host_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    )
    return db.session.scalars(query).one()
