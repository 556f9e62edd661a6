"""Registering hosts."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import select

from provisioner.audit import service as audit
from provisioner.db import Json, db
from provisioner.hosts.models import Connection, Host, HostState


@dataclass(frozen=True)
class Registration:
    name: str
    address: str
    connection: Connection
    site: str
    port_first: int
    port_last: int
    facts: Json


def register(wanted: Registration) -> Host:
    """Enter a host, or bring what is known of it up to date; a host keeps its ports once it has them."""
    host = db.session.scalar(select(Host).where(Host.name == wanted.name).with_for_update())
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
        select(Host).where(Host.state == HostState.ACTIVE).order_by(Host.name).with_for_update()
    ).all()
