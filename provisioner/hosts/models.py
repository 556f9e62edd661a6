"""Servers that instances are placed on."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Mapped, mapped_column

from provisioner.db import Id, Json, Model


class Connection(StrEnum):
    LOCAL = "local"  # this machine
    SSH = "ssh"


class HostState(StrEnum):
    ACTIVE = "active"
    CORDONED = "cordoned"  # runs what it has, gets nothing new
    RETIRED = "retired"


class Host(Model):
    __tablename__ = "host"
    __audited__ = (
        "id", "name", "address", "connection", "site", "state", "slots", "parked_at", "port_first", "port_last",
        "facts",
    )  # fmt: skip

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    address: Mapped[str]
    connection: Mapped[Connection]
    site: Mapped[str]  # the queue of the workers that can reach it
    state: Mapped[HostState] = mapped_column(default=HostState.ACTIVE)
    slots: Mapped[int] = mapped_column(default=4)  # on how many of its instances jobs may act at once
    parked_at: Mapped[datetime | None]  # it did not answer: jobs wait until a probe finds it again
    probe_at: Mapped[datetime | None]  # when to look next
    port_first: Mapped[int]
    port_last: Mapped[int]
    facts: Mapped[Json]  # what plays need to know: folders, sockets, interpreter
