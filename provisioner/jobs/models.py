"""The queue: PostgreSQL is the only one who knows what is to be done, by whom, and how far it is."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from provisioner.db import Created, Id, Json, Model
from provisioner.jobs.lifecycle import JobState, SlotScope

# The kinds of events that tell of a failed task; an index holds just these.
FAILING = ("runner_on_failed", "runner_on_unreachable")  # of a loop's items only the task itself says whether it counts


class Job(Model):
    __tablename__ = "job"
    __audited__ = (
        "id",
        "instance_id",
        "request_id",
        "action",
        "release_id",
        "state",
        "attempt",
        "cause",
        "let_through",
    )

    id: Mapped[Id]
    instance_id: Mapped[UUID] = mapped_column(ForeignKey("instance.id"))
    administration_id: Mapped[UUID] = mapped_column(ForeignKey("administration.id"))  # the instance's
    request_id: Mapped[UUID] = mapped_column(ForeignKey("request.id"))
    action: Mapped[str]
    app_id: Mapped[UUID] = mapped_column(ForeignKey("app.id"))  # the instance's
    release_id: Mapped[UUID] = mapped_column(ForeignKey("release.id"))
    digest: Mapped[str]  # of the app's folder when the request was approved
    desired_digest: Mapped[str | None]  # of all that it is to put in place; None: it puts only a part there, or nothing
    backup_id: Mapped[UUID | None] = mapped_column(ForeignKey("backup.id", use_alter=True))  # that it restores
    host_id: Mapped[UUID] = mapped_column(ForeignKey("host.id"))  # the instance's
    target_host_id: Mapped[UUID | None] = mapped_column(ForeignKey("host.id"))  # to which it moves the instance
    target_port: Mapped[int | None]
    site: Mapped[str]  # the host's
    background: Mapped[bool] = mapped_column(default=False)  # a sweep's: waits behind people's jobs, gives way to them
    read_only: Mapped[bool] = mapped_column(default=False)  # it changes nothing, so no freeze window stops it
    let_through: Mapped[bool] = mapped_column(default=False)  # by a person, although a freeze window holds
    giving_way: Mapped[bool] = mapped_column(default=False)  # running, and being stopped for a person's job
    state: Mapped[JobState]
    retry_safe: Mapped[bool]
    attempt: Mapped[int] = mapped_column(default=0)
    touched: Mapped[bool] = mapped_column(default=False)  # an attempt may have begun to act on the instance
    max_attempts: Mapped[int] = mapped_column(default=3)
    timeout: Mapped[int]  # seconds for one attempt
    queued_at: Mapped[Created]
    not_before: Mapped[datetime | None]  # until then nothing begins: what an attempt started may act on
    started_at: Mapped[datetime | None]
    deadline: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    owner: Mapped[str | None]
    run_id: Mapped[UUID | None]  # of the newest attempt: the jobs that one run carries out share it
    begun: Mapped[bool] = mapped_column(default=False)  # in that run its turn has come
    fence: Mapped[int | None] = mapped_column(BigInteger)  # of the running or last attempt
    lease_until: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    cause: Mapped[str | None]  # a code of lifecycle.Cause: why it ended, or was put back
    report: Mapped[Json]  # what the playbook reported
    stopped: Mapped[Json | None]  # what was killed with a run that was stopped
    events_emitted: Mapped[int] = mapped_column(default=0)
    events_stored: Mapped[int] = mapped_column(default=0)  # of the newest attempt: up to which they are kept
    fingerprint: Mapped[str | None] = mapped_column(ForeignKey("failure.fingerprint"))  # of what failed in it


class Fence(Model):
    """The highest attempt ever started on an instance. Whoever carries a lower number is history."""

    __tablename__ = "fence"

    instance_id: Mapped[UUID] = mapped_column(ForeignKey("instance.id"), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class Slot(Model):
    """The right of a run to act on one instance more of an app, or on a host, at once. Triggers provide slots, and free
    them."""

    __tablename__ = "slot"

    scope: Mapped[SlotScope] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(primary_key=True)  # of the app or the host
    number: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[UUID | None]


class Origin(Model):
    """Which database these rows were written in; they may since have been restored into another."""

    __tablename__ = "origin"

    one: Mapped[bool] = mapped_column(primary_key=True, default=True)
    system_identifier: Mapped[int] = mapped_column(BigInteger)
    database_oid: Mapped[int] = mapped_column(BigInteger)


class JobEvent(Model):
    """One line of a run's story, as Ansible told it. Written by `events.store` alone, under the job's lock."""

    __tablename__ = "job_event"

    month: Mapped[date] = mapped_column(primary_key=True)  # in which the job was queued: its partition
    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    counter: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[Created]
    kind: Mapped[str]  # ansible-runner's event name
    play: Mapped[str]
    role: Mapped[str]
    task: Mapped[str]
    module: Mapped[str]
    host: Mapped[str]
    changed: Mapped[bool]
    stdout: Mapped[str]
    result: Mapped[Json]


class JobStep(Model):
    """One role of an attempt, or the tasks of a play that stand in no role; kept up with its events."""

    __tablename__ = "job_step"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    play: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]  # the counter of its first event
    task: Mapped[str]  # the newest
    began: Mapped[Created]
    ended: Mapped[Created]
    failed: Mapped[bool]
    changed: Mapped[bool]


class Failure(Model):
    """What went wrong in the same way in any number of jobs."""

    __tablename__ = "failure"

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    task: Mapped[str]
    module: Mapped[str]
    message: Mapped[str]  # without what differs from job to job
    first_seen: Mapped[Created]
