"""What people and machines asked for, frozen as it was approved."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Computed, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from provisioner.db import Created, Id, Json, Model
from provisioner.instances.beginning import Outcome


class Decision(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"


class Request(Model):
    __tablename__ = "request"
    __audited__ = (
        "id", "plan", "digest", "reason", "requested_by", "decision", "policy", "decided_by", "schedule_id",
    )  # fmt: skip

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
    schedule_id: Mapped[UUID | None] = mapped_column(ForeignKey("schedule.id"))  # which asked, and not a person
    # What lists show of the plan, kept beside it by the database: a plan may be about thousands of instances.
    action: Mapped[str | None] = mapped_column(Computed("plan ->> 'action'", persisted=True))
    app: Mapped[str | None] = mapped_column(Computed("plan ->> 'app'", persisted=True))
    release: Mapped[str | None] = mapped_column(Computed("plan ->> 'release'", persisted=True))
    instances: Mapped[int | None] = mapped_column(Computed("jsonb_array_length(plan -> 'instances')", persisted=True))
    instance_id: Mapped[UUID | None] = mapped_column(Computed("(plan #>> '{instances,0,id}')::uuid", persisted=True))


class RequestOutcome(Model):
    """What came of a request for one instance: a job, nothing to do, or a refusal and why."""

    __tablename__ = "request_outcome"

    request_id: Mapped[UUID] = mapped_column(ForeignKey("request.id"), primary_key=True)
    instance_id: Mapped[UUID] = mapped_column(ForeignKey("instance.id"), primary_key=True)
    outcome: Mapped[Outcome]
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("job.id"))  # the job, or the one that holds the instance
    code: Mapped[str | None]  # of the refusal
    message: Mapped[str | None]
    details: Mapped[Json | None]


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
