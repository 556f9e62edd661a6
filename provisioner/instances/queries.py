"""Questions about instances, now or as of any moment; nothing here writes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, and_, exists, false, func, null, select, type_coerce

from provisioner.administrations.kinds import Language
from provisioner.administrations.models import Administration
from provisioner.administrations.search import inside_region, listed_under, matches
from provisioner.backups import queries as stored
from provisioner.backups.lifecycle import Overdue
from provisioner.backups.models import Backup
from provisioner.catalogue.models import App
from provisioner.db import db
from provisioner.errors import NotFound
from provisioner.hosts.models import Host
from provisioner.instances.inventory import FROZEN, constant, facts, host, selected, version
from provisioner.instances.lifecycle import LIVE, Environment, Health, State
from provisioner.instances.models import Instance, InstancePeriod
from provisioner.jobs.lifecycle import OPEN, JobState
from provisioner.jobs.models import Job
from provisioner.paging import Page, PageRequest, page

STATES = (*State, JobState.NEEDS_ATTENTION)  # as shown: an open job in need of a person freezes its instance


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
    overdue: Overdue | None = None  # of those that live; told of now alone
    text: str | None = None  # a part of the administration's name or of the host name, or the short id
    region_id: UUID | None = None  # of administrations in this region


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


def ids(wanted: Filter, most: int) -> list[UUID]:
    """The ids of all these instances, or of one more than `most` if there are more."""
    query = rows(None, wanted).with_only_columns(Instance.id, maintain_column_froms=True)
    return list(db.session.scalars(query.limit(most + 1)))


def detail(instance_id: UUID, as_of: datetime | None = None) -> Any:
    """One instance with the columns of `rows`, its settings and its version; NotFound if there was none then."""
    was = facts(as_of)
    query = selected(was, as_of).add_columns(was.settings, Instance.created_at, Instance.version, *_only_now(as_of))
    row = db.session.execute(query.where(Instance.id == instance_id)).one_or_none()
    if row is None:
        raise NotFound(kind="instance", key=instance_id)
    return row


def _only_now(as_of: datetime | None) -> list[ColumnElement[Any]]:
    """What no past moment is known for."""
    last = stored.last_good().where(Backup.instance_id == Instance.id)
    known: dict[str, Any] = {
        "health_at": Instance.health_at,
        "last_used_at": Instance.last_used_at,
        "removal_due_at": Instance.removal_due_at,
        "legal_hold": Instance.legal_hold,
        "backed_up_at": last.with_only_columns(func.max(Backup.taken_at)).scalar_subquery(),
        "proven_at": last.with_only_columns(func.max(Backup.proven_at)).scalar_subquery(),
    }
    return [(column if as_of is None else null()).label(name) for name, column in known.items()]


def by_ids(ids: Iterable[UUID]) -> dict[UUID, Any]:
    """These instances, removed ones among them: the columns of `rows`."""
    query = selected(Instance, None).where(Instance.id.in_(list(ids)))
    return {row.id: row for row in db.session.execute(query)}


def apps_to_remove() -> Sequence[str]:
    """The apps with suspended instances whose grace period is over and that neither a hold nor a job keeps."""
    query = select(App.slug).join(Instance, Instance.app_id == App.id).where(*_removable())
    return db.session.scalars(query.distinct().order_by(App.slug)).all()


def removable(app: str, most: int) -> Sequence[UUID]:
    """Those instances of one app, the longest due first."""
    query = select(Instance.id).join(App, App.id == Instance.app_id).where(App.slug == app, *_removable())
    return db.session.scalars(query.order_by(Instance.removal_due_at).limit(most)).all()


def _removable() -> Iterator[ColumnElement[bool]]:
    yield Instance.state == State.SUSPENDED
    yield Instance.removal_due_at <= func.clock_timestamp()
    yield Instance.legal_hold.is_(None)
    yield ~exists().where(Job.instance_id == Instance.id, Job.state.in_(OPEN))


def overdue() -> dict[Overdue, int]:
    """How many instances have gone without a backup, or without a proof of one, for too long."""
    queries = {what: rows(None, Filter(overdue=what)) for what in Overdue}
    return {
        what: db.session.scalar(query.with_only_columns(func.count(), maintain_column_froms=True)) or 0
        for what, query in queries.items()
    }


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
            period.since, func.lead(period.since).over(order_by=period.since).label("until"), period.state,
            host(period).label("host"), period.address, version(period.desired_release_id).label("desired"),
            version(period.applied_release_id).label("applied"), period.settings,
        )
        .where(period.instance_id == instance_id)
        .order_by(period.since.desc())
    ).all()  # fmt: skip


def rows(as_of: datetime | None = None, wanted: Filter | None = None) -> Select[*tuple[Any, ...]]:
    """The instances as a query with the columns of `inventory.selected`, for those who ask more of it."""
    was = facts(as_of)
    return selected(was, as_of).where(*_conditions(wanted or Filter(), was, as_of))


def _conditions(wanted: Filter, was: Any, as_of: datetime | None) -> Iterator[ColumnElement[bool]]:
    equal: tuple[tuple[Any, Any], ...] = (
        (App.slug, wanted.app),
        (Instance.administration_id, wanted.administration_id),
        (version(was.applied_release_id), wanted.release),
        (Instance.environment, wanted.environment),
        (host(was), wanted.host),
        (Instance.health if as_of is None else null(), wanted.health),
    )
    yield from (column == value for column, value in equal if value is not None)
    yield _in_state(wanted.state, was)
    if wanted.overdue:
        living = Instance.state.in_([constant(state, Instance.state) for state in sorted(LIVE)])
        yield (
            and_(living, stored.overdue(wanted.overdue, Instance.id, Instance.created_at)) if as_of is None else false()
        )
    if wanted.text:
        yield _about(wanted.text, as_of)
    if wanted.region_id:
        yield Instance.administration_id.in_(select(inside_region(wanted.region_id).c.id))


def _in_state(state: str | None, was: Any) -> ColumnElement[bool]:
    if state is None:
        return was.state != constant(State.REMOVED, was.state)  # type: ignore[no-any-return]
    if was is not Instance:
        return type_coerce(was.state, Text) == state
    if state == JobState.NEEDS_ATTENTION:
        return FROZEN
    return and_(was.state == state, FROZEN.is_not(True))


def _overdue(what: Overdue) -> ColumnElement[bool]:
    living = Instance.state.in_([constant(state, Instance.state) for state in sorted(LIVE)])
    return and_(living, stored.overdue(what, Instance.id, Instance.created_at))


def _about(text: str, as_of: datetime | None) -> ColumnElement[bool]:
    label = text.strip().lower()
    meant = select(matches(text, as_of).c.administration_id)
    named = Instance.hostname.contains(label, autoescape=True) | (Instance.short_id == label)
    return named | Instance.administration_id.in_(meant)


def names() -> Sequence[Any]:
    """By which name instances answer, in its order, and the address of the host that it has to lead to; those that have
    a port answer by the address itself.

    Columns: hostname, host (its address).
    """
    query = select(Instance.hostname, Host.address.label("host")).join(Host, Host.id == Instance.host_id)
    there = query.where(Instance.state != State.REMOVED, Instance.port.is_(None))
    return db.session.execute(there.order_by(Instance.hostname)).all()
