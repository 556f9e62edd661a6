"""Questions about workers and drains; nothing here writes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from provisioner.db import db
from provisioner.errors import NotFound
from provisioner.workers.lifecycle import DrainScope
from provisioner.workers.models import Drain, Worker

SILENT = timedelta(seconds=30)  # a worker that has not been seen for so long is not there

_PRESENT = Worker.seen_at > func.clock_timestamp() - SILENT
_DRAINED = select(Drain.reason).where(Drain.scope == DrainScope.WORKER, Drain.name == Worker.name)


def every() -> Sequence[Any]:
    """All workers by name: an estate has a few dozen.

    Columns: name, sites, concurrency, sandbox, started_at, seen_at, leaving, present (seen lately), draining (why, if
    so).
    """
    drained = _DRAINED.scalar_subquery().label("draining")
    query = select(*Worker.__table__.columns, _PRESENT.label("present"), drained)
    return db.session.execute(query.order_by(Worker.name)).all()


def by_name(name: str) -> Worker:
    """The worker; NotFound if none of this name has announced itself lately."""
    worker = db.session.get(Worker, name)
    if worker is None:
        raise NotFound(kind="worker", key=name)
    return worker


def drains() -> Sequence[Any]:
    """Where nothing new is begun at present, and why: scope, name, reason, since."""
    return db.session.execute(select(*Drain.__table__.columns).order_by(Drain.scope, Drain.name)).all()


def drain_of(*sites: str) -> Drain | None:
    """What keeps jobs of all these sites from being begun by anybody."""
    here = (Drain.scope == DrainScope.SERVICE) | ((Drain.scope == DrainScope.SITE) & Drain.name.in_(sites))
    return db.session.scalar(select(Drain).where(here).order_by(Drain.scope).limit(1))


def serves(*sites: str) -> bool:
    """Whether a worker that begins jobs of all these sites has been seen lately."""
    able = select(Worker.name).where(_PRESENT, ~Worker.leaving, Worker.sites.contains(list(sites)), ~_DRAINED.exists())
    return bool(db.session.scalar(select(able.exists())))


def joined() -> Mapping[str, frozenset[str]]:
    """Of each site those that a worker which has been seen lately serves together with it, itself among them."""
    together: dict[str, set[str]] = defaultdict(set)
    for sites in db.session.scalars(select(Worker.sites).where(_PRESENT)):
        for site in sites:
            together[site].update(sites)
    return {site: frozenset(others) for site, others in together.items()}


def may_begin(name: str, sites: Sequence[str]) -> list[str]:
    """Those of these sites at which the worker of this name may begin something new."""
    halted = {(drain.scope, drain.name) for drain in drains()}
    if (DrainScope.SERVICE, "") in halted or (DrainScope.WORKER, name) in halted:
        return []
    return [site for site in sites if (DrainScope.SITE, site) not in halted]
