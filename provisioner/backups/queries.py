"""Questions about backups; nothing here writes."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import aliased

from provisioner.backups.lifecycle import Overdue, Retention, Taken, expired
from provisioner.backups.models import Backup
from provisioner.catalogue.models import Release
from provisioner.config import settings
from provisioner.db import Json, db, one_of
from provisioner.errors import NotFound
from provisioner.jobs.models import Job
from provisioner.paging import Page, PageRequest, page
from provisioner.presentation import MOROCCO


def by_id(backup_id: UUID) -> Backup:
    """The backup; NotFound if there is none."""
    found = db.session.get(Backup, backup_id)
    if found is None:
        raise NotFound(kind="backup", key=backup_id)
    return found


def of_instance(instance_id: UUID, which: PageRequest) -> Page:
    """Its backups, the newest first, those that have expired among them, each with its `version`."""
    kept = Backup.__table__.columns
    query = select(*kept, Release.version).join(Release, Release.id == kept.release_id)
    query = query.where(kept.instance_id == instance_id)
    bound_to = {"list": "backups", "instance": instance_id}
    return page(query, [kept.taken_at, kept.id], which, bound_to, newest_first=True)


def restorable(instance_id: UUID) -> Sequence[Any]:
    """All that the store still holds of it, the newest first; retention says how many that can be.

    Columns: id, taken_at, version.
    """
    query = select(Backup.id, Backup.taken_at, Release.version).join(Release, Release.id == Backup.release_id)
    there = query.where(Backup.instance_id == instance_id, Backup.expired_at.is_(None))
    return db.session.execute(there.order_by(Backup.taken_at.desc(), Backup.id.desc())).all()


def newest(instance_ids: Collection[UUID]) -> dict[UUID, Backup]:
    """Of each of these instances the newest that the store still holds."""
    its = aliased(Backup)
    last = select(func.max(its.taken_at)).where(its.instance_id == Backup.instance_id, its.expired_at.is_(None))
    there = select(Backup).where(
        one_of(Backup.instance_id, instance_ids),
        Backup.expired_at.is_(None),
        Backup.taken_at == last.scalar_subquery(),
    )
    return {backup.instance_id: backup for backup in db.session.scalars(there)}


def of_jobs(job_ids: Collection[UUID]) -> dict[UUID, Json]:
    """What these jobs are to restore, as their runs are told of it, by job."""
    query = select(Job.id.label("job_id"), Backup.id, Backup.name, Backup.sha256)
    query = query.join(Backup, Backup.id == Job.backup_id).where(one_of(Job.id, job_ids))
    return {
        row.job_id: {"id": str(row.id), "name": row.name, "sha256": row.sha256} for row in db.session.execute(query)
    }


def overdue(what: Overdue, instance_id: Any, created_at: Any) -> ColumnElement[bool]:
    """Whether it has not been done for as long as the settings allow; of the instance these columns are asked."""
    seconds = {Overdue.BACKUP: settings().backup_overdue, Overdue.PROOF: settings().proof_overdue}[what]
    done = {Overdue.BACKUP: Backup.taken_at, Overdue.PROOF: Backup.proven_at}[what]
    limit = func.clock_timestamp() - timedelta(seconds=seconds)
    lately = exists().where(Backup.instance_id == instance_id, Backup.expired_at.is_(None), done > limit)
    return and_(created_at < limit, ~lately)


def last_good() -> Any:
    """A query: of each instance its last backup and its last proven one (instance_id, backed_up_at, proven_at)."""
    return (
        select(
            Backup.instance_id,
            func.max(Backup.taken_at).label("backed_up_at"),
            func.max(Backup.proven_at).label("proven_at"),
        )
        .where(Backup.expired_at.is_(None))
        .group_by(Backup.instance_id)
    )


def outlived(instance_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """The names in the store, by instance, of what no rule keeps any more once one more backup has been taken."""
    there = select(Backup.instance_id, Backup.id, Backup.name, Backup.taken_at).where(
        one_of(Backup.instance_id, instance_ids), Backup.expired_at.is_(None)
    )
    rows: dict[UUID, list[Any]] = {instance_id: [] for instance_id in instance_ids}
    for row in db.session.execute(there):
        rows[row.instance_id].append(row)
    return {instance_id: _outlived(found) for instance_id, found in rows.items()}


def _outlived(rows: Sequence[Any]) -> list[str]:
    chosen = settings()
    keep = Retention(chosen.backups_daily, chosen.backups_weekly, chosen.backups_monthly)
    gone = expired((Taken(row.id, _local(row.taken_at)) for row in rows), keep)
    return [row.name for row in rows if row.id in gone]


def _local(moment: datetime) -> datetime:
    return moment.astimezone(MOROCCO)
