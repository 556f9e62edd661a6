"""Why a queued job waits: the conditions of the claim, asked one by one, the most decisive first."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, func, select

from provisioner.administrations.models import Administration
from provisioner.catalogue.models import App
from provisioner.db import db
from provisioner.freezes import queries as freezes
from provisioner.freezes.lifecycle import Scope
from provisioner.freezes.models import Freeze
from provisioner.hosts.models import Host
from provisioner.jobs.lifecycle import LEASED, JobState, SlotScope, Waiting
from provisioner.jobs.models import Job, Slot
from provisioner.workers import queries as workers


@dataclass(frozen=True)
class Wait:
    """`what`: the name of what it waits for, `until`: when it is looked at again, `ahead`: how many jobs come first."""

    reason: Waiting
    what: str = ""
    until: datetime | None = None
    ahead: int = 0
    explanation: str = ""  # what a person gave as the reason of a drain or a freeze window


def why(job: Any) -> Wait | None:
    """Why the job is not carried out yet; None if it does not wait in the queue."""
    if job.state is not JobState.QUEUED:
        return None
    return next((wait for ask in QUESTIONS if (wait := ask(job))), _turn(job))


def _draining(job: Any) -> Wait | None:
    drain = workers.drain_of(*_sites(job))
    return Wait(Waiting.DRAINING, drain.name, explanation=drain.reason) if drain else None


def _frozen(job: Any) -> Wait | None:
    if job.read_only or job.let_through:
        return None
    freeze = freezes.holding(job.app_id, job.administration_id)
    return Wait(Waiting.FROZEN, _whose(freeze), freeze.ends, explanation=freeze.reason) if freeze else None


def _whose(freeze: Freeze) -> str:
    """The app or the administration that the window is for, by its label; nothing where it is for all."""
    if freeze.scope is Scope.GLOBAL:
        return ""
    if freeze.scope is Scope.APP:
        return db.session.get_one(App, freeze.app_id).slug
    return db.session.get_one(Administration, freeze.administration_id).slug


def _host_parked(job: Any) -> Wait | None:
    return _parked(job.host_id, Waiting.HOST_PARKED)


def _target_parked(job: Any) -> Wait | None:
    return _parked(job.target_host_id, Waiting.TARGET_PARKED) if job.target_host_id else None


def _parked(host_id: UUID, reason: Waiting) -> Wait | None:
    host = db.session.get_one(Host, host_id)
    return Wait(reason, host.name, host.probe_at) if host.parked_at else None


def _later(job: Any) -> Wait | None:
    waits = job.not_before and _is(job.not_before > func.clock_timestamp())
    return Wait(Waiting.LATER, until=job.not_before) if waits else None


def _instance_busy(job: Any) -> Wait | None:
    acting = select(Job.action).where(Job.instance_id == job.instance_id, Job.state.in_(LEASED))
    action = db.session.scalar(acting)
    return Wait(Waiting.INSTANCE_BUSY, action) if action else None


def _no_worker(job: Any) -> Wait | None:
    if workers.serves(*(sites := _sites(job))):
        return None
    return Wait(Waiting.NO_WORKER if len(sites) == 1 else Waiting.NO_COMMON_WORKER, ", ".join(sites))


def _sites(job: Any) -> list[str]:
    """Those that a worker must serve to carry it out: a move has to do with the hosts of two."""
    ends = select(Host.site).where(Host.id.in_({job.host_id, job.target_host_id} - {None}))
    return sorted(set(db.session.scalars(ends)))


def _app_slots(job: Any) -> Wait | None:
    concurrency = select(App.manifest["concurrency"].astext.cast(Integer)).where(App.id == job.app_id)
    slug = select(App.slug).where(App.id == job.app_id)
    return _slots(SlotScope.APP, job.app_id, concurrency, Waiting.APP_SLOTS, slug)


def _host_slots(job: Any) -> Wait | None:
    return _slots_of_host(job.host_id, Waiting.HOST_SLOTS)


def _target_slots(job: Any) -> Wait | None:
    return _slots_of_host(job.target_host_id, Waiting.TARGET_SLOTS) if job.target_host_id else None


def _slots_of_host(host_id: UUID, reason: Waiting) -> Wait | None:
    slots = select(Host.slots).where(Host.id == host_id)
    name = select(Host.name).where(Host.id == host_id)
    return _slots(SlotScope.HOST, host_id, slots, reason, name)


def _slots(scope: SlotScope, owner_id: UUID, most: Any, reason: Waiting, name: Any) -> Wait | None:
    taken = select(func.count()).where(Slot.scope == scope, Slot.owner_id == owner_id, Slot.run_id.is_not(None))
    full = _is(taken.scalar_subquery() >= most.scalar_subquery())
    return Wait(reason, db.session.scalars(name).one()) if full else None


def _turn(job: Any) -> Wait:
    before = (Job.background, Job.queued_at, Job.id)
    ahead = select(func.count()).where(Job.state == JobState.QUEUED, Job.site == job.site, _less(before, job))
    return Wait(Waiting.TURN, ahead=db.session.scalar(ahead) or 0)


def _less(order: tuple[Any, ...], job: Any) -> ColumnElement[bool]:
    return func.row(*order) < func.row(job.background, job.queued_at, job.id)


def _is(condition: Any) -> bool:
    return bool(db.session.scalar(select(condition)))


QUESTIONS: tuple[Callable[[Any], Wait | None], ...] = (
    _draining, _frozen, _host_parked, _target_parked, _later, _instance_busy, _no_worker, _app_slots, _host_slots,
    _target_slots,
)  # fmt: skip
