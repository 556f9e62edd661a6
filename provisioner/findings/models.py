"""When each host was and will be looked at, and how what it has differs from the register."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from provisioner.db import Id, Json, Model
from provisioner.findings.lifecycle import Decision, FindingState, Kind


class Survey(Model):
    """The newest look at a host, and the next."""

    __tablename__ = "survey"

    host_id: Mapped[UUID] = mapped_column(ForeignKey("host.id"), primary_key=True)
    due_at: Mapped[datetime]  # while somebody looks: when another may, should he never come to an end
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    succeeded_at: Mapped[datetime | None]  # when the last that came to a result began
    failure: Mapped[str | None]  # the last words of the newest, if it came to none
    facts: Mapped[Json]  # of the last that came to a result: versions, room, how many of each


class Finding(Model):
    __tablename__ = "finding"
    __audited__ = (
        "id", "host_id", "kind", "subject", "instance_id", "state", "ignored_until", "decision", "decided_by", "reason",
        "job_id",
    )  # fmt: skip

    id: Mapped[Id]
    host_id: Mapped[UUID] = mapped_column(ForeignKey("host.id"))
    kind: Mapped[Kind]
    subject: Mapped[str]
    instance_id: Mapped[UUID | None] = mapped_column(ForeignKey("instance.id"))
    detail: Mapped[Json]
    state: Mapped[FindingState]
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    ignored_until: Mapped[datetime | None]
    decision: Mapped[Decision | None]  # the newest
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("job.id"))  # that repairs it
    outcome: Mapped[str | None]  # of taking it away: where the last copy lies, or why it could not be
    closed_at: Mapped[datetime | None]
