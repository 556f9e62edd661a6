"""What people and machines asked for, frozen as it was approved."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from provisioner.db import Created, Id, Json, Model


class Decision(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"


class Request(Model):
    __tablename__ = "request"
    __audited__ = ("id", "plan", "digest", "reason", "requested_by", "decision", "policy", "decided_by")

    id: Mapped[Id]
    plan: Mapped[Json]  # see service.Plan
    digest: Mapped[str]  # of the plan: an approval holds for this and nothing else
    reason: Mapped[str]
    requested_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[Created]
    decision: Mapped[Decision]
    policy: Mapped[str]  # which rule decided, or asked for a decision
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None]


class IdempotencyKey(Model):
    """The answer given to a key, kept in the transaction of what it answered."""

    __tablename__ = "idempotency_key"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    body_hash: Mapped[bytes]
    status: Mapped[int]
    body: Mapped[Json]
    location: Mapped[str | None]
    created_at: Mapped[Created]
