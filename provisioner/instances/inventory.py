"""The rows of the inventory: what every list and page shows of an instance, now or as of a moment.

Only what lists are filtered and ordered by is joined. The rest stands in subqueries, which PostgreSQL asks once it has
cut the page, for the rows of that page alone.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, case, func, literal, null, select, true, type_coerce
from sqlalchemy.orm import aliased

from provisioner.administrations.models import Administration
from provisioner.administrations.queries import names
from provisioner.catalogue.models import App, Release
from provisioner.hosts.models import Host
from provisioner.instances.models import Instance, InstancePeriod
from provisioner.jobs.lifecycle import OPEN, JobState
from provisioner.jobs.models import Job


def constant(value: StrEnum, column: Any) -> ColumnElement[Any]:
    """Written into the statement: partial indexes and statistics then count for its prepared plan as well."""
    return literal(value, column.type, literal_execute=True)


FROZEN = Job.state == constant(JobState.NEEDS_ATTENTION, Job.state)  # a person must look before anything else happens
# What is being stopped for a person's job has the instance no more; with it there would be two.
BUSY = Job.state.in_([constant(state, Job.state) for state in sorted(OPEN)]) & ~Job.giving_way


def facts(as_of: datetime | None) -> Any:
    """What says how instances are: their own table, or the period of their history that holds the moment."""
    if as_of is None:
        return Instance
    period = select(InstancePeriod).where(InstancePeriod.instance_id == Instance.id, as_of >= InstancePeriod.since)
    return aliased(InstancePeriod, period.order_by(InstancePeriod.since.desc()).limit(1).lateral("was"))


def selected(was: Any, as_of: datetime | None) -> Select[*tuple[Any, ...]]:
    """Instances with all columns of the inventory; `was` are the `facts` of the moment.

    Columns: id, short_id, administration_id, administration (slug), administration_names (by language), app (slug),
    app_names, environment, host, address, hostname, state (as shown), job_id, job_action, job_state (of the open job),
    desired, applied, failed (versions), health, since (when state, place, versions or settings last changed).
    A past moment knows neither jobs nor failures nor health.
    """
    query = select(
        Instance.id, Instance.short_id, Administration.id.label("administration_id"),
        Administration.slug.label("administration"), names(as_of).label("administration_names"),
        App.slug.label("app"), App.names.label("app_names"), Instance.environment, host(was).label("host"),
        was.address, Instance.hostname, *(_now() if as_of is None else _then(was)),
        version(was.desired_release_id).label("desired"), version(was.applied_release_id).label("applied"),
        _since(was).label("since"),
    ).select_from(Instance)  # fmt: skip
    query = query.join(Administration, Administration.id == Instance.administration_id)
    query = query.join(App, App.id == Instance.app_id)
    if as_of is None:
        return query.outerjoin(Job, and_(Job.instance_id == Instance.id, BUSY))
    return query.join(was, true())


def _now() -> tuple[ColumnElement[Any], ...]:
    state = case((FROZEN, JobState.NEEDS_ATTENTION.value), else_=type_coerce(Instance.state, Text))
    job = (Job.id.label("job_id"), Job.action.label("job_action"), Job.state.label("job_state"))
    failed = version(Instance.failed_release_id)
    return state.label("state"), *job, failed.label("failed"), Instance.health.label("health")


def _then(was: Any) -> tuple[ColumnElement[Any], ...]:
    unknown = (null().label(name) for name in ("job_id", "job_action", "job_state", "failed", "health"))
    return type_coerce(was.state, Text).label("state"), *unknown


def host(was: Any) -> ColumnElement[Any]:
    return select(Host.name).where(Host.id == was.host_id).scalar_subquery()


def version(release_id: Any) -> ColumnElement[Any]:
    return select(Release.version).where(Release.id == release_id).scalar_subquery()


def _since(was: Any) -> ColumnElement[Any]:
    newest = select(func.max(InstancePeriod.since)).where(InstancePeriod.instance_id == Instance.id)
    return newest.scalar_subquery() if was is Instance else was.since
