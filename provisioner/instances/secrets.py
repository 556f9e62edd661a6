"""The secrets of an instance: generated, kept sealed, opened only for its own runs, renewed by a rotation."""

import secrets as random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from provisioner.audit import service as audit
from provisioner.db import db, one_of
from provisioner.errors import NotFound
from provisioner.instances.models import Instance, InstanceSecret
from provisioner.secrets import keys, service as secrets

BYTES = 18  # 24 characters of base64url
AT_ONCE = 500  # rows that one transaction wraps anew

IN_PLACE: ColumnElement[bool] = InstanceSecret.job_id.is_(None)


@dataclass(frozen=True)
class Opened:
    """What a run is told. `previous`: in a rotation, what the instance has until it succeeds."""

    secrets: dict[str, str] = field(default_factory=dict)
    previous: dict[str, str] = field(default_factory=dict)

    def values(self) -> set[str]:
        return {*self.secrets.values(), *self.previous.values()}


def _place(row: InstanceSecret, *, wrapped: bool = True) -> str:
    """A seal of before there were wraps does not know of versions."""
    place = f"instance_secret/{row.instance_id}/{row.name}"
    return f"{place}/{row.version}" if wrapped else place


def _text(row: InstanceSecret) -> str:
    sealed = secrets.Sealed(row.key_id, row.wrap, row.sealed)
    return secrets.unseal(sealed, place=_place(row, wrapped=row.wrap is not None))


def _keep(row: InstanceSecret, sealed: secrets.Sealed) -> None:
    row.key_id, row.wrap, row.sealed = sealed.key_id, sealed.wrap, sealed.box


def _new(instance_id: UUID, name: str, version: int, job_id: UUID | None = None) -> InstanceSecret:
    row = InstanceSecret(instance_id=instance_id, name=name, version=version, job_id=job_id)
    _keep(row, secrets.seal(random.token_urlsafe(BYTES), place=_place(row)))
    db.session.add(row)
    return row


def generate(instance_id: UUID, names: Iterable[str]) -> None:
    """Make the secrets that the app wants; those that exist stay as they are."""
    there = set(db.session.scalars(select(InstanceSecret.name).where(InstanceSecret.instance_id == instance_id)))
    for name in set(names) - there:
        _new(instance_id, name, version=1)


def renew(jobs: Mapping[UUID, UUID], names: Sequence[str]) -> None:
    """Make the secrets that these rotations, by instance, are to put in place. The caller holds the instances' rows."""
    newest = select(InstanceSecret.instance_id, InstanceSecret.name, func.max(InstanceSecret.version)).where(
        one_of(InstanceSecret.instance_id, jobs), InstanceSecret.name.in_(names)
    )
    rows = db.session.execute(newest.group_by(InstanceSecret.instance_id, InstanceSecret.name))
    versions = {(row[0], row[1]): row[2] for row in rows}
    for instance_id, job_id in jobs.items():
        for name in names:
            _new(instance_id, name, versions.get((instance_id, name), 0) + 1, job_id)
    db.session.flush()


def opened(instance_ids: Collection[UUID], *, renewing: bool = False) -> dict[UUID, Opened]:
    """All secrets of these instances, by instance and name; `renewing`: as a rotation is to leave them."""
    found = {instance_id: Opened() for instance_id in instance_ids}
    rows = select(InstanceSecret).where(InstanceSecret.instance_id.in_(instance_ids)).order_by(InstanceSecret.version)
    for row in db.session.scalars(rows if renewing else rows.where(IN_PLACE)):
        text = found[row.instance_id].secrets[row.name] = _text(row)
        if renewing and row.job_id is None:
            found[row.instance_id].previous[row.name] = text
    return found


def names(instance_id: UUID) -> Sequence[str]:
    """Of those that are in place."""
    mine = select(InstanceSecret.name).where(InstanceSecret.instance_id == instance_id, IN_PLACE)
    return db.session.scalars(mine.order_by(InstanceSecret.name)).all()


def shown(instance_id: UUID, name: str) -> str:
    """One that is in place, for whoever has recorded that it is shown; NotFound."""
    mine = select(InstanceSecret).where(InstanceSecret.instance_id == instance_id, InstanceSecret.name == name)
    row = db.session.scalar(mine.where(IN_PLACE))
    if row is None:
        raise NotFound(kind="secret", key=name)
    return _text(row)


def reveal(instance: Instance, name: str, reason: str) -> str:
    """One secret, for a person who says why; the audit keeps that, and who it was."""
    text = shown(instance.id, name)
    audit.record(
        "instance.reveal_secret",
        "instance",
        instance.id,
        administration_id=instance.administration_id,
        reason=reason,
        after={"secret": name},
    )
    return text


def _elsewhere() -> ColumnElement[bool]:
    """Whether a secret is wrapped with another key than the current one."""
    return (InstanceSecret.key_id != keys.current().id) | InstanceSecret.wrap.is_(None)


def keys_in_use() -> dict[str, int]:
    """How many secrets each key wraps, by its id."""
    rows = db.session.execute(select(InstanceSecret.key_id, func.count()).group_by(InstanceSecret.key_id))
    return {row[0]: row[1] for row in rows}


def all_rewrapped() -> bool:
    return db.session.scalar(select(InstanceSecret.name).where(_elsewhere()).limit(1)) is None


def new_key(reason: str) -> str:
    """Make another key the current one. It wraps nothing until `rewrap`."""
    key = keys.add()
    audit.record("service.new_key", "service", "secrets", reason=reason, after={"key": key.id})
    return key.id


def rewrap(reason: str) -> int:
    """Wrap the next few secrets with the current key; how many, 0 if there are no more. Those of before there were
    wraps are sealed anew.
    """
    rows = db.session.scalars(
        select(InstanceSecret)
        .where(_elsewhere())
        .order_by(InstanceSecret.instance_id, InstanceSecret.name, InstanceSecret.version)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)  # a rotation that is just ending need not wait, nor do we
    ).all()
    for row in rows:
        _rewrap(row)
    if rows:
        after = {"key": keys.current().id, "secrets": len(rows)}
        audit.record("service.rewrap", "service", "secrets", reason=reason, after=after)
    return len(rows)


def _rewrap(row: InstanceSecret) -> None:
    if row.wrap is None:
        _keep(row, secrets.seal(_text(row), place=_place(row)))
    else:
        _keep(row, secrets.rewrapped(secrets.Sealed(row.key_id, row.wrap, row.sealed), place=_place(row)))
