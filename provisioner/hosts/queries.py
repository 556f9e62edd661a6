"""Questions about hosts."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select

from provisioner.db import db
from provisioner.errors import NotFound
from provisioner.hosts.models import Host


def by_id(host_id: UUID) -> Host:
    """The host; NotFound if there is none."""
    host = db.session.get(Host, host_id)
    if host is None:
        raise NotFound(kind="host", key=host_id)
    return host


def by_name(name: str) -> Host:
    """The host; NotFound if there is none."""
    host = db.session.scalar(select(Host).where(Host.name == name))
    if host is None:
        raise NotFound(kind="host", key=name)
    return host


def to_probe() -> Sequence[str]:
    """The sites with parked hosts that are to be looked at now."""
    return db.session.scalars(select(Host.site).where(Host.probe_at <= func.clock_timestamp()).distinct()).all()


def every() -> Sequence[Host]:
    """All hosts by name: an estate has a few dozen."""
    return db.session.scalars(select(Host).order_by(Host.name)).all()
