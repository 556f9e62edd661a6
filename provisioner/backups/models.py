"""The register of backups: what the store holds of which instance, and what has been proven of it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from provisioner.db import Id, Model


class Backup(Model):
    __tablename__ = "backup"
    __audited__ = ("id", "instance_id", "job_id", "name", "taken_at", "proven_at", "expired_at")

    id: Mapped[Id]
    instance_id: Mapped[UUID] = mapped_column(ForeignKey("instance.id"))
    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id"), unique=True)  # that took it
    release_id: Mapped[UUID] = mapped_column(ForeignKey("release.id"))  # that its data belongs to
    name: Mapped[str]  # in the store
    store: Mapped[str]  # its URL
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]  # of what the store holds, read back from there
    taken_at: Mapped[datetime]
    proven_at: Mapped[datetime | None]  # when a copy was last restored from it and read
    expired_at: Mapped[datetime | None]  # when it was removed from the store
