"""Handing over the secret of an instance to somebody who has no account: by a link that shows it once."""

import hashlib
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select, update

from provisioner.accounts import sign_in
from provisioner.audit import service as audit
from provisioner.config import settings
from provisioner.db import db
from provisioner.errors import Conflict, NotFound
from provisioner.handovers.models import Handover
from provisioner.handovers.queries import WORKS
from provisioner.instances import queries as instances, secrets, service as instance_service
from provisioner.instances.lifecycle import State
from provisioner.instances.models import Instance

SERVED = frozenset({State.ACTIVE, State.SUSPENDED})  # in these the secrets are in place


@dataclass(frozen=True)
class Shown:
    """What the receiver sees, once. `instance`: the columns of the inventory."""

    instance: Any
    secret: str
    value: str


def create(instance_id: UUID, secret: str, reason: str) -> tuple[UUID, str]:
    """A link for this secret: its id, and its token, which nobody sees again."""
    instance = instance_service.held(instance_id)
    if instance.state not in SERVED:
        raise Conflict("Of an instance that is %(state)s nothing can be handed over.", state=instance.state)
    if secret not in secrets.names(instance_id):
        raise NotFound(kind="secret", key=secret)
    token = token_urlsafe(32)
    handover = Handover(
        id=uuid4(),
        instance_id=instance_id,
        secret=secret,
        token_hash=_hash(token),
        reason=reason,
        created_by=audit.actor().account_id,
        expires_at=func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, settings().handover),
    )
    db.session.add(handover)
    db.session.flush()
    _record("handover.create", handover.id, instance, {"secret": secret}, reason)
    return handover.id, token


def revoke(handover_id: UUID) -> None:
    """The link works no more; harmless if it does not anyway. Conflict if it was opened."""
    handover = db.session.scalar(select(Handover).where(Handover.id == handover_id).with_for_update())
    if handover is None:
        raise NotFound(kind="handover", key=handover_id)
    if handover.opened_at:
        raise Conflict("This link was opened. To make worthless what it showed, renew the secret.")
    if handover.revoked_at is None:
        handover.revoked_at = func.clock_timestamp()
        instance = instances.by_id(handover.instance_id)
        _record("handover.revoke", handover_id, instance, {"secret": handover.secret})


def open_once(token: str, address: str) -> Shown | None:
    """What the link shows, this once; None if it does not work, whyever. TooManyAttempts for an address that guesses.

    Keep the transaction in any case: the failure is written in it.
    """
    sign_in.refuse_address(address)
    served = select(Instance.id).where(Instance.state.in_(SERVED))
    opening = (
        update(Handover)
        .where(Handover.token_hash == _hash(token), WORKS, Handover.instance_id.in_(served))
        .values(opened_at=func.clock_timestamp(), opened_from=address)
        .returning(Handover.id, Handover.instance_id, Handover.secret)
    )
    opened = db.session.execute(opening).one_or_none()
    if opened is None:
        sign_in.count_failure(address)
        audit.record("handover.open", "handover", "unknown", outcome="refused", after={"address": address})
        return None
    instance = instances.by_id(opened.instance_id)
    _record("handover.open", opened.id, instance, {"secret": opened.secret, "address": address})
    return Shown(instances.detail(instance.id), opened.secret, secrets.shown(instance.id, opened.secret))


def _record(
    action: str, handover_id: UUID, instance: Instance, after: dict[str, str], reason: str | None = None
) -> None:
    after = {"instance_id": str(instance.id), **after}
    audit.record(
        action, "handover", handover_id, administration_id=instance.administration_id, reason=reason, after=after
    )


def _hash(token: str) -> bytes:
    """The token is long and random: nothing slower is needed."""
    return hashlib.sha256(token.encode()).digest()
