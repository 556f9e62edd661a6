"""Questions about instances, now or as of any moment; nothing here writes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    Text,
    and_,
    case,
    false,
    func,
    null,
    select,
    true,
    type_coerce,
)
from sqlalchemy.orm import aliased

from provisioner.administrations.kinds import Language
from provisioner.administrations.models import Administration
from provisioner.administrations.queries import names
from provisioner.administrations.search import listed_under, matches
from provisioner.catalogue.models import App, Release
from provisioner.db import db
from provisioner.errors import NotFound
from provisioner.hosts.models import Host
from provisioner.instances.lifecycle import Environment, Health, State
from provisioner.instances.models import Instance, InstancePeriod
from provisioner.jobs.lifecycle import OPEN, JobState
from provisioner.jobs.models import Job
from provisioner.paging import Page, PageRequest, page

STATES = (*State, JobState.NEEDS_ATTENTION)  # as shown: an open job in need of a person freezes its instance

_desired, _applied, _failed = (aliased(Release, name=name) for name in ("desired", "applied", "failed"))
_moment = DateTime(timezone=True)
_begin = func.lower(InstancePeriod.valid, type_=_moment)


@dataclass(frozen=True)
class Filter:
    """Which instances; without a state, all but the removed ones."""

    app: str | None = None
    administration_id: UUID | None = None
    state: str | None = None  # one of STATES
    release: str | None = None  # the version that is applied
    environment: Environment | None = None
    host: str | None = None
    health: Health | None = None  # no past health is kept: with `as_of` it finds nothing
    text: str | None = None  # a part of the administration's name or of the host name, or the short id


def by_id(instance_id: UUID) -> Instance:
    """The instance; NotFound if there is none."""
    instance = db.session.get(Instance, instance_id)
    if instance is None:
        raise NotFound(kind="instance", key=instance_id)
    return instance


def referred(text: str) -> UUID:
    """The instance that people mean by an id, a short id, or the host name of one that is not removed; NotFound."""
    named = (Instance.hostname == text.lower()) & (Instance.state != State.REMOVED)
    try:
        meant = Instance.id == UUID(text)
    except ValueError:
        meant = (Instance.short_id == text) | named
    found = db.session.scalar(select(Instance.id).where(meant))
    if found is None:
        raise NotFound(kind="instance", key=text)
    return found


def live(administration_id: UUID, app_id: UUID, environment: Environment) -> UUID | None:
    """The instance of this app that the administration has, in whatever state but removed."""
    return db.session.scalar(
        select(Instance.id).where(
            Instance.administration_id == administration_id,
            Instance.app_id == app_id,
            Instance.environment == environment,
            Instance.state != State.REMOVED,
        )
    )


def find(wanted: Filter, which: PageRequest, language: str, as_of: datetime | None = None) -> Page:
    """A page of instances with the columns of `rows`, by the administration's name in this language, then by app."""
    listed = listed_under(Language(language), as_of)
    query = rows(as_of, wanted).join(listed, listed.c.administration_id == Administration.id)
    query = query.add_columns(listed.c.sort_key)
    column = query.selected_columns
    order = [column.sort_key, column.administration_id, column.app, column.environment, column.id]
    return page(query, order, which, {"list": "instances", "by": language, "as_of": as_of, **asdict(wanted)})


def detail(instance_id: UUID, as_of: datetime | None = None) -> Any:
    """One instance with the columns of `rows`, its settings and its version; NotFound if there was none then."""
    was = _facts(as_of)
    looked_at = Instance.health_at if as_of is None else null().label("health_at")
    query = _selected(was, as_of).add_columns(was.settings, Instance.created_at, looked_at, Instance.version)
    row = db.session.execute(query.where(Instance.id == instance_id)).one_or_none()
    if row is None:
        raise NotFound(kind="instance", key=instance_id)
    return row


def by_ids(ids: Iterable[UUID]) -> dict[UUID, Any]:
    """These instances, removed ones among them: the columns of `rows`."""
    query = _selected(Instance, None).where(Instance.id.in_(list(ids)))
    return {row.id: row for row in db.session.execute(query)}


def release_counts(app_id: UUID) -> dict[UUID, int]:
    """How many instances run each release of the app."""
    running = select(Instance.applied_release_id, func.count()).where(
        Instance.app_id == app_id, Instance.state != State.REMOVED
    )
    rows = db.session.execute(running.group_by(Instance.applied_release_id))
    return {release_id: count for release_id, count in rows if release_id}


def tally() -> dict[UUID, dict[State, int]]:
    """How many instances each app has in each state, by its id."""
    counts: dict[UUID, dict[State, int]] = {}
    rows = select(Instance.app_id, Instance.state, func.count()).group_by(Instance.app_id, Instance.state)
    for app_id, state, count in db.session.execute(rows):
        counts.setdefault(app_id, {})[state] = count
    return counts


def of_administration(administration_id: UUID, as_of: datetime | None = None) -> Sequence[Any]:
    """What the administration has, by app: the columns of `rows`."""
    query = rows(as_of, Filter(administration_id=administration_id))
    return db.session.execute(query.order_by(App.slug, Instance.environment)).all()


def history(instance_id: UUID) -> Sequence[Any]:
    """What the instance was, newest first: since, until (None: still), state, host, address, versions, settings."""
    period = InstancePeriod
    return db.session.execute(
        select(
            _begin.label("since"), func.upper(period.valid, type_=_moment).label("until"), period.state,
            Host.name.label("host"), period.address, _desired.version.label("desired"),
            _applied.version.label("applied"), period.settings,
        )
        .join(Host, Host.id == period.host_id)
        .join(_desired, _desired.id == period.desired_release_id)
        .outerjoin(_applied, _applied.id == period.applied_release_id)
        .where(period.instance_id == instance_id)
        .order_by(_begin.desc())
    ).all()  # fmt: skip


def rows(as_of: datetime | None = None, wanted: Filter | None = None) -> Select[*tuple[Any, ...]]:
    """The instances as a query, now or as of a moment.

    Columns: id, short_id, administration_id, administration (slug), administration_names (by language), app (slug),
    app_names, environment, host, address, hostname, state (as shown), job_id, job_action, job_state (of the open job),
    desired, applied, failed (versions), health, since (when state, place, versions or settings last changed).
    A past moment knows neither jobs nor failures nor health.
    """
    was = _facts(as_of)
    return _selected(was, as_of).where(*_conditions(wanted or Filter(), was, as_of))


def _facts(as_of: datetime | None) -> Any:
    """What says how instances are: their own table, or the period of their history that holds the moment."""
    if as_of is None:
        return Instance
    period = select(InstancePeriod).where(InstancePeriod.instance_id == Instance.id, _begin <= as_of)
    return aliased(InstancePeriod, period.order_by(_begin.desc()).limit(1).lateral("was"))


def _selected(was: Any, as_of: datetime | None) -> Select[*tuple[Any, ...]]:
    busy = and_(Job.instance_id == Instance.id, Job.state.in_(OPEN)) if as_of is None else false()
    query = select(
        Instance.id, Instance.short_id, Administration.id.label("administration_id"),
        Administration.slug.label("administration"), names(as_of).label("administration_names"),
        App.slug.label("app"), App.names.label("app_names"), Instance.environment, Host.name.label("host"),
        was.address, Instance.hostname, _shown(was).label("state"),
        Job.id.label("job_id"), Job.action.label("job_action"), Job.state.label("job_state"),
        _desired.version.label("desired"), _applied.version.label("applied"), _failed.version.label("failed"),
        _health(as_of).label("health"), _since(was).label("since"),
    ).select_from(Instance)  # fmt: skip
    if was is not Instance:
        query = query.join(was, true())
    return (
        query.join(Administration, Administration.id == Instance.administration_id)
        .join(App, App.id == Instance.app_id)
        .join(Host, Host.id == was.host_id)
        .join(_desired, _desired.id == was.desired_release_id)
        .outerjoin(_applied, _applied.id == was.applied_release_id)
        .outerjoin(_failed, _failed.id == Instance.failed_release_id if as_of is None else false())
        .outerjoin(Job, busy)
    )


def _shown(was: Any) -> ColumnElement[Any]:
    frozen = (Job.state == JobState.NEEDS_ATTENTION, JobState.NEEDS_ATTENTION.value)
    return case(frozen, else_=type_coerce(was.state, Text))


def _health(as_of: datetime | None) -> Any:
    return Instance.health if as_of is None else null()


def _since(was: Any) -> ColumnElement[Any]:
    if was is not Instance:
        return func.lower(was.valid, type_=_moment)
    newest = select(_begin).where(InstancePeriod.instance_id == Instance.id)
    return newest.order_by(_begin.desc()).limit(1).scalar_subquery()


def _conditions(wanted: Filter, was: Any, as_of: datetime | None) -> Iterator[ColumnElement[bool]]:
    equal: tuple[tuple[Any, Any], ...] = (
        (App.slug, wanted.app),
        (Instance.administration_id, wanted.administration_id),
        (_applied.version, wanted.release),
        (Instance.environment, wanted.environment),
        (Host.name, wanted.host),
        (_health(as_of), wanted.health),
    )
    yield from (column == value for column, value in equal if value is not None)
    yield _in_state(wanted.state, was)
    if wanted.text:
        yield _about(wanted.text, as_of)


def _in_state(state: str | None, was: Any) -> ColumnElement[bool]:
    frozen = Job.state == JobState.NEEDS_ATTENTION
    if state == JobState.NEEDS_ATTENTION:
        return frozen
    if state is None:
        return was.state != State.REMOVED  # type: ignore[no-any-return]
    return and_(was.state == state, frozen.is_not(True))


def _about(text: str, as_of: datetime | None) -> ColumnElement[bool]:
    label = text.strip().lower()
    meant = select(matches(text, as_of).c.administration_id)
    named = Instance.hostname.contains(label, autoescape=True) | (Instance.short_id == label)
    return named | Instance.administration_id.in_(meant)
