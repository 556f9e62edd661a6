"""Questions about hosts."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from provisioner.db import db
from provisioner.errors import NotFound
from provisioner.hosts.models import Host


def by_id(host_id: UUID) -> Host:
    """The host; NotFound if there is none."""
    host = db.session.get(Host, host_id)
    if host is None:
        raise NotFound(kind="host", key=host_id)
    return host


def every() -> Sequence[Host]:
    """All hosts by name: an estate has a few dozen."""
    return db.session.scalars(select(Host).order_by(Host.name)).all()
