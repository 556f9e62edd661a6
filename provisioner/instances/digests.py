"""One digest of all that an instance shall be; if it is that of what was put in place, there is nothing to do."""

import hashlib
from collections.abc import Collection
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased

from provisioner.db import db, one_of
from provisioner.hosts.models import Host
from provisioner.instances import desired
from provisioner.instances.models import Instance, InstanceSecret
from provisioner.jobs.lifecycle import OPEN
from provisioner.jobs.models import Job

# A secret is another one whenever it was sealed anew: its digest changes with it and says nothing of it. Its wrap does
# not count. What a rotation is to put in place is what shall be.
_newer = aliased(InstanceSecret)
_is_newest = ~(
    select(_newer.version)
    .where(
        _newer.instance_id == InstanceSecret.instance_id,
        _newer.name == InstanceSecret.name,
        _newer.version > InstanceSecret.version,
    )
    .exists()
)
_sealed = InstanceSecret.name + " " + func.encode(func.sha256(InstanceSecret.sealed), "hex")
_secrets = (
    select(func.string_agg(_sealed, aggregate_order_by(literal(","), InstanceSecret.name)))
    .where(InstanceSecret.instance_id == Instance.id, _is_newest)
    .scalar_subquery()
)


def of(ids: Collection[UUID], release_id: UUID | None = None) -> dict[UUID, str]:
    """The digest of what each of these shall be, on this release or on the one that it has; in hexadecimal."""
    found = desired.rows(ids, release_id, _secrets.label("sealed"))
    hosts = _hosts({row.host_id for row in found})
    return {row.id: _digest(row, hosts[row.host_id]) for row in found}


def _hosts(ids: set[UUID]) -> dict[UUID, orjson.Fragment]:
    """What instances on these hosts are told of them, written once for all of them."""
    found = db.session.scalars(select(Host).where(one_of(Host.id, ids)))
    return {host.id: orjson.Fragment(_written(desired.host(host))) for host in found}


def _digest(row: Any, host: orjson.Fragment) -> str:
    whole = [row.app_digest, row.sealed, host, desired.runtime(row), desired.instance(row)]
    return hashlib.sha256(_written(whole)).hexdigest()


def _written(whole: Any) -> bytes:
    return orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)


def current(ids: Collection[UUID], release_id: UUID | None = None) -> set[UUID]:
    """Those of these instances on which everything is already as it shall be, on this release or on the one they have.

    What an attempt has begun to change is not known until its job has ended.
    """
    in_doubt = select(Job.instance_id).where(Job.state.in_(OPEN), Job.touched, Job.background.is_(False))
    known = select(Instance.id, Instance.applied_digest).where(
        one_of(Instance.id, ids), Instance.applied_digest.is_not(None), Instance.id.not_in(in_doubt)
    )
    applied = {row.id: row.applied_digest for row in db.session.execute(known)}
    wanted = of(applied, release_id) if applied else {}
    return {instance_id for instance_id, digest in wanted.items() if digest == applied[instance_id]}


def freeze(job_ids: Collection[UUID], ids: Collection[UUID], release_id: UUID) -> set[UUID]:
    """Keep with these jobs what they are about to put on their instances, which may have changed since they were asked
    for. Returns those of the instances on which there is nothing to do for them.
    """
    wanted = of(ids, release_id)
    converging = db.session.scalars(select(Job).where(one_of(Job.id, job_ids), Job.desired_digest.is_not(None))).all()
    for job in converging:
        job.desired_digest = wanted[job.instance_id]
    return current([job.instance_id for job in converging], release_id) if converging else set()
