"""One app for one administration. `InstancePeriod` is its history, written by a trigger."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from provisioner.db import Created, Id, Json, Model
from provisioner.instances.lifecycle import Environment, Health, State


class Instance(Model):
    __tablename__ = "instance"
    __audited__ = (
        "id", "administration_id", "app_id", "environment", "host_id", "port", "address", "state",
        "desired_release_id", "applied_release_id", "failed_release_id", "settings", "removal_due_at", "legal_hold",
    )  # fmt: skip

    id: Mapped[Id]
    short_id: Mapped[str] = mapped_column(unique=True)  # unix user, database and service names derive from it
    administration_id: Mapped[UUID] = mapped_column(ForeignKey("administration.id"))
    app_id: Mapped[UUID] = mapped_column(ForeignKey("app.id"))
    environment: Mapped[Environment]
    host_id: Mapped[UUID] = mapped_column(ForeignKey("host.id"))
    port: Mapped[int | None]  # of its host; None where it is told apart by its name
    hostname: Mapped[str]  # <app>-<slug>.<zone>
    address: Mapped[str]  # where it answers, as a URL
    state: Mapped[State]
    desired_release_id: Mapped[UUID] = mapped_column(ForeignKey("release.id"))
    applied_release_id: Mapped[UUID | None] = mapped_column(ForeignKey("release.id"))
    failed_release_id: Mapped[UUID | None] = mapped_column(ForeignKey("release.id"))
    settings: Mapped[Json]
    applied_settings: Mapped[Json | None]  # those of the last success: a failure goes back to them
    applied_digest: Mapped[str | None]  # of all that was in place after the last success (digests); None: not known
    removal_due_at: Mapped[datetime | None]  # when the grace period of one that is to be removed is over
    legal_hold: Mapped[str | None]  # why nothing of it may be erased
    health: Mapped[Health]
    health_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]  # as of its last check; None: not known
    created_at: Mapped[Created]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it and leaves it alone


class InstancePeriod(Model):
    """What an instance was since a moment, until its next period: what questions "as of" read."""

    __tablename__ = "instance_period"

    instance_id: Mapped[UUID] = mapped_column(ForeignKey("instance.id"), primary_key=True)
    since: Mapped[datetime] = mapped_column(primary_key=True)
    state: Mapped[State]
    host_id: Mapped[UUID] = mapped_column(ForeignKey("host.id"))
    address: Mapped[str]
    desired_release_id: Mapped[UUID] = mapped_column(ForeignKey("release.id"))
    applied_release_id: Mapped[UUID | None] = mapped_column(ForeignKey("release.id"))
    settings: Mapped[Json]


class InstanceSecret(Model):
    """A secret that an instance has or, as long as the job that puts it there is open, the one that it is to have.

    A trigger settles that when the job ends: after a success the new one takes the place of the other.
    """

    __tablename__ = "instance_secret"

    instance_id: Mapped[UUID] = mapped_column(ForeignKey("instance.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("job.id"))  # the open rotation; None: it is in place
    key_id: Mapped[str]
    wrap: Mapped[bytes | None]  # see secrets.service.Sealed
    sealed: Mapped[bytes]


class Erasure(Model):
    """The certificate that an instance was erased on its host; never changed."""

    __tablename__ = "erasure"
    __audited__ = ("instance_id", "job_id", "erased_at", "certificate")

    instance_id: Mapped[UUID] = mapped_column(ForeignKey("instance.id"), primary_key=True)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id"))
    erased_at: Mapped[Created]
    certificate: Mapped[Json]  # see instances.ending
