"""Who did what (events, written by services) and which rows that touched (changes, written by triggers)."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from provisioner.db import Created, Json, Model, Serial


class AuditEvent(Model):
    __tablename__ = "audit_event"

    id: Mapped[Serial]
    transaction_id: Mapped[int] = mapped_column(server_default=text("pg_current_xact_id()"))
    at: Mapped[Created]
    actor_id: Mapped[UUID | None]  # the account; its name lives in the erasable identity table
    on_behalf_of: Mapped[str | None]
    via: Mapped[str]
    correlation_id: Mapped[str | None]  # X-Request-ID of the call
    action: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[str]
    administration_id: Mapped[UUID | None]
    request_id: Mapped[UUID | None]
    job_id: Mapped[UUID | None]
    reason: Mapped[str | None]
    before: Mapped[Json | None]
    after: Mapped[Json | None]
    outcome: Mapped[str]


class AuditChange(Model):
    __tablename__ = "audit_change"

    id: Mapped[Serial]
    transaction_id: Mapped[int]
    at: Mapped[Created]
    database_role: Mapped[str]
    table_name: Mapped[str]
    row_id: Mapped[str]
    operation: Mapped[str]
    before: Mapped[Json | None]
    after: Mapped[Json | None]
