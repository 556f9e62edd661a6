"""The secrets of an instance: generated once, kept sealed, opened only for its own runs."""

import secrets as random
from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import select

from provisioner.audit import service as audit
from provisioner.db import db
from provisioner.errors import NotFound
from provisioner.instances.models import Instance, InstanceSecret
from provisioner.secrets import service as secrets

BYTES = 18  # 24 characters of base64url


def _place(instance_id: UUID, name: str) -> str:
    return f"instance_secret/{instance_id}/{name}"


def generate(instance_id: UUID, names: Iterable[str]) -> None:
    """Make the secrets that the app wants; those that exist stay as they are."""
    there = set(db.session.scalars(select(InstanceSecret.name).where(InstanceSecret.instance_id == instance_id)))
    for name in set(names) - there:
        sealed = secrets.seal(random.token_urlsafe(BYTES), place=_place(instance_id, name))
        db.session.add(InstanceSecret(instance_id=instance_id, name=name, key_id=sealed.key_id, sealed=sealed.box))


def opened(instance_ids: Collection[UUID]) -> dict[UUID, dict[str, str]]:
    """All secrets of these instances, by instance and name."""
    found: dict[UUID, dict[str, str]] = {instance_id: {} for instance_id in instance_ids}
    for row in db.session.scalars(select(InstanceSecret).where(InstanceSecret.instance_id.in_(instance_ids))):
        sealed = secrets.Sealed(row.key_id, row.sealed)
        found[row.instance_id][row.name] = secrets.unseal(sealed, place=_place(row.instance_id, row.name))
    return found


def reveal(instance: Instance, name: str, reason: str) -> str:
    """One secret, for a person who says why; the audit keeps that, and who it was."""
    row = db.session.get(InstanceSecret, (instance.id, name))
    if row is None:
        raise NotFound(kind="secret", key=name)
    audit.record(
        "instance.reveal_secret",
        "instance",
        instance.id,
        administration_id=instance.administration_id,
        reason=reason,
        after={"secret": name},
    )
    return secrets.unseal(secrets.Sealed(row.key_id, row.sealed), place=_place(instance.id, name))
