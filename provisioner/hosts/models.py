"""Servers that instances are placed on."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from provisioner.db import Created, Id, Json, Model
from provisioner.hosts import keys


class Connection(StrEnum):
    LOCAL = "local"  # this machine
    SSH = "ssh"


class HostState(StrEnum):
    ACTIVE = "active"
    CORDONED = "cordoned"  # runs what it has, gets nothing new
    DRAINING = "draining"  # the same, and what it has is to go elsewhere
    RETIRED = "retired"  # has nothing, and stays on record


class Host(Model):
    __tablename__ = "host"
    __audited__ = (
        "id", "name", "address", "connection", "site", "country", "state", "slots", "parked_at", "memory_mb",
        "disk_mb", "labels", "port_first", "port_last", "facts",
    )  # fmt: skip

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    address: Mapped[str]
    connection: Mapped[Connection]
    site: Mapped[str]  # the queue of the workers that can reach it
    country: Mapped[str]  # ISO 3166, two letters: where the data of its instances lie
    state: Mapped[HostState] = mapped_column(default=HostState.ACTIVE)
    slots: Mapped[int] = mapped_column(default=4)  # on how many of its instances jobs may act at once
    parked_at: Mapped[datetime | None]  # it did not answer: jobs wait until a probe finds it again
    probe_at: Mapped[datetime | None]  # when to look next
    memory_mb: Mapped[int | None]  # what its instances may take together; None: not limited
    disk_mb: Mapped[int | None]
    labels: Mapped[list[str]] = mapped_column(default=list)  # what apps may ask of a server, in words of the operators
    port_first: Mapped[int | None]  # of those that its instances listen on, each on its own; None: it has none
    port_last: Mapped[int | None]
    facts: Mapped[Json]  # what plays need to know: folders, sockets, interpreter; `ssh`: how it is reached

    @property
    def prepared(self) -> bool:
        """Whether it has what instances stand on."""
        return "root" in self.facts

    @property
    def fingerprints(self) -> list[str]:
        """Of the keys by which it proves that it is the right one."""
        return [
            f"{key.fingerprint} ({key.kind})" for key in keys.pinned(self.facts.get("ssh", {}).get("known_hosts", ""))
        ]

    @property
    def isolated(self) -> bool:
        """Whether its instances are told apart by their names, behind a proxy of its own, and not by ports."""
        return bool(self.facts.get("isolated"))


class Preparation(Model):
    """The newest wish to make a server fit for instances, and what came of it."""

    __tablename__ = "preparation"

    host_id: Mapped[UUID] = mapped_column(ForeignKey("host.id"), primary_key=True)
    wish: Mapped[Json]  # see estate.preparing.Wish
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime | None]  # while somebody is at it: when another may begin, should he never come to an end
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    failure: Mapped[str | None]  # the last words of the newest, if it did not succeed


class Emptying(Model):
    """The wish that a host be empty, and whose it is; gone when nobody wishes it any more."""

    __tablename__ = "emptying"

    host_id: Mapped[UUID] = mapped_column(ForeignKey("host.id"), primary_key=True)
    reason: Mapped[str]
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    on_behalf_of: Mapped[str | None]  # where it is nobody with an account
    since: Mapped[Created]  # what failed to move later than that is left to people
