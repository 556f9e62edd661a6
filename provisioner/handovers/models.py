"""Links by which the secret of an instance is handed over: each works once, for a while."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from provisioner.db import Created, Id, Model


class Handover(Model):
    """Only the SHA-256 of the link's token is kept, and of the secret only its name."""

    __tablename__ = "handover"
    __audited__ = ("id", "instance_id", "secret", "created_by", "expires_at", "opened_at", "revoked_at")

    id: Mapped[Id]
    instance_id: Mapped[UUID] = mapped_column(ForeignKey("instance.id"))
    secret: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    reason: Mapped[str]  # names the receiver
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[Created]
    expires_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]
    opened_from: Mapped[str | None]  # the network address
    revoked_at: Mapped[datetime | None]
