"""The register of backups follows what runs report; nothing else adds to it."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy import func, select, update

from provisioner.audit import service as audit
from provisioner.backups import keys
from provisioner.backups.models import Backup
from provisioner.backups.told import Kept
from provisioner.config import settings
from provisioner.db import Json, db, one_of
from provisioner.hosts.models import Host
from provisioner.jobs.models import Job


def name_of(short_id: str, job_id: UUID) -> str:
    """How the role `archive` calls the backup of a job on this instance."""
    return f"{short_id}/{job_id}.tar.age"


def keep(job: Job, release_id: UUID, kept: Kept) -> None:
    """Enter the backup that a job has put into the store; another attempt of the job has put its own in that place."""
    backup = db.session.scalar(select(Backup).where(Backup.job_id == job.id))
    if backup is None:
        backup = Backup(id=uuid4(), instance_id=job.instance_id, job_id=job.id)
        db.session.add(backup)
    backup.release_id, backup.expired_at = release_id, None
    for part, value in vars(kept).items():
        setattr(backup, part, value)
    db.session.flush()
    _record("backup.keep", job, backup.id, {"name": backup.name, "bytes": backup.bytes, "sha256": backup.sha256})


def expire(job: Job, names: Sequence[str]) -> None:
    """These have been removed from the store, for a newer one is there."""
    gone = update(Backup).where(
        Backup.instance_id == job.instance_id, one_of(Backup.name, names), Backup.expired_at.is_(None)
    )
    for backup_id in db.session.scalars(gone.values(expired_at=func.clock_timestamp()).returning(Backup.id)):
        _record("backup.expire", job, backup_id, {})


def prove(job: Job, backup_id: UUID) -> None:
    """A copy was restored from this backup, served, and read."""
    db.session.execute(update(Backup).where(Backup.id == backup_id).values(proven_at=func.clock_timestamp()))
    _record("backup.prove", job, backup_id, {})


def _record(action: str, job: Job, backup_id: UUID, after: Json) -> None:
    audit.record(action, "backup", backup_id, administration_id=job.administration_id, job_id=job.id, after=after)


def store(host: Host) -> str:
    """The URL of the store, as the runs on this host are told it; without a setting a folder of the host itself."""
    return settings().backup_store or f"file://{host.facts['root']}/store"


def access(host: Host, *, opening: bool) -> Json:
    """All that a run on this host needs of the store and its keys; the secret one only if it is to open a backup."""
    return {
        "store": store(host),
        "options": keys.store_options(),
        "recipient": keys.recipient(),
        "identity": keys.identity() if opening else "",
    }


def secrets() -> tuple[str, ...]:
    """What must not be seen in what a run says."""
    return (keys.identity(), *keys.secret_options())
