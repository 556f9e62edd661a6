"""Windows of time in which nothing changes instances."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from provisioner.db import Created, Id, Model
from provisioner.freezes.lifecycle import Scope


class Freeze(Model):
    __tablename__ = "freeze_window"  # the word alone is taken by PostgreSQL
    __audited__ = (
        "id", "scope", "app_id", "administration_id", "begins", "ends", "reason", "planned_by", "ended_at",
    )  # fmt: skip

    id: Mapped[Id]
    scope: Mapped[Scope]
    app_id: Mapped[UUID | None] = mapped_column(ForeignKey("app.id"))
    administration_id: Mapped[UUID | None] = mapped_column(ForeignKey("administration.id"))
    begins: Mapped[datetime]
    ends: Mapped[datetime]
    reason: Mapped[str]
    planned_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    planned_at: Mapped[Created]
    ended_at: Mapped[datetime | None]  # by a person, before its time
