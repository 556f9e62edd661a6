"""Servers that instances are placed on."""

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
    __audited__ = ("id", "name", "address", "connection", "site", "state", "port_first", "port_last", "facts")

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    address: Mapped[str]
    connection: Mapped[Connection]
    site: Mapped[str]  # the queue of the workers that can reach it
    state: Mapped[HostState] = mapped_column(default=HostState.ACTIVE)
    port_first: Mapped[int]
    port_last: Mapped[int]
    facts: Mapped[Json]  # what plays need to know: folders, sockets, interpreter
