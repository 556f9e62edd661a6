"""What the folders under playbooks/apps/ say, mirrored into tables by `service.sync`."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from provisioner.db import Created, Id, Json, Model, Words


class ReleaseState(StrEnum):
    DRAFT = "draft"
    CURRENT = "current"
    DEPRECATED = "deprecated"
    WITHDRAWN = "withdrawn"


class App(Model):
    __tablename__ = "app"
    __audited__ = ("id", "slug", "digest", "withdrawn_at")

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(unique=True)
    names: Mapped[Words]
    summary: Mapped[Words]
    manifest: Mapped[Json]  # as validated by manifest.Manifest
    parameters: Mapped[list[Json]]  # as validated by manifest.Parameter, in the order of the form
    digest: Mapped[str]  # of the folder and of the roles and modules it may use: what ran is provable
    synced_at: Mapped[Created]
    withdrawn_at: Mapped[datetime | None]  # the folder is gone; its instances and history are not

    releases: Mapped[list["Release"]] = relationship(order_by="Release.position", back_populates="app")


class Release(Model):
    __tablename__ = "release"
    __audited__ = ("app_id", "version", "state", "position")
    __table_args__ = (UniqueConstraint("app_id", "version", name="uq_release_version"),)

    id: Mapped[Id]
    app_id: Mapped[UUID] = mapped_column(ForeignKey("app.id"))
    version: Mapped[str]
    state: Mapped[ReleaseState]
    position: Mapped[int]  # order of the manifest, oldest first
    runtime: Mapped[str]  # the lock file of its interpreter, relative to the app's folder

    app: Mapped[App] = relationship(back_populates="releases")
