"""What auditors ask: which apps does each administration run, and who did what; now or as of any moment."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, Text, cast, distinct, func, or_, select, true
from sqlalchemy.orm import aliased

from provisioner.accounts.models import Identity
from provisioner.administrations import queries as administrations
from provisioner.administrations.kinds import Kind, Language
from provisioner.administrations.models import Administration
from provisioner.administrations.search import inside_region, listed_under, matches
from provisioner.audit.models import AuditEvent
from provisioner.db import db
from provisioner.instances import queries as instances
from provisioner.paging import Page, PageRequest, page

BATCH = 500  # rows that a stream holds at a time


@dataclass(frozen=True)
class Filter:
    """Which rows of the inventory. Without a state, removed instances are left out.

    With `lacks_app` alone, an administration that runs nothing is a row too, without an instance.
    """

    app: str | None = None
    kind: Kind | None = None
    region_id: UUID | None = None
    state: str | None = None  # one of instances.queries.STATES
    text: str | None = None
    has_app: str | None = None
    lacks_app: str | None = None


@dataclass(frozen=True)
class EventFilter:
    """Which audit events."""

    object_type: str | None = None
    object_id: str | None = None
    administration_id: UUID | None = None
    action: str | None = None


def find(wanted: Filter, which: PageRequest, language: str, as_of: datetime | None = None) -> Page:
    """A page of the inventory, by the administration's name in this language, then by app.

    Columns: administration_id, administration (slug), administration_names (by language), kind, region (slug),
    region_names, instance_id, app (slug), app_names, environment, state (as shown), version, address, since.
    """
    query, order = _ordered(wanted, language, as_of)
    bound_to = {"list": "inventory", "by": language, "as_of": as_of, **asdict(wanted)}
    return page(query, order, which, bound_to)


def stream(wanted: Filter, language: str, as_of: datetime | None = None) -> Iterator[Any]:
    """Every row that `find` would list, read from a cursor of the server: no more than a batch is ever in memory."""
    query, order = _ordered(wanted, language, as_of)
    yield from db.session.execute(query.order_by(*order), execution_options={"yield_per": BATCH})


def totals(wanted: Filter, as_of: datetime | None = None) -> Sequence[Any]:
    """For each app of the rows that `find` would list: app, app_names, how many administrations, how many instances."""
    row = _rows(wanted, as_of).subquery().c
    return db.session.execute(
        select(
            row.app,
            row.app_names,
            func.count(distinct(row.administration_id)).label("administrations"),
            func.count(row.instance_id).label("instances"),
        )
        .where(row.app.is_not(None))
        .group_by(row.app, row.app_names)
        .order_by(row.app)
    ).all()


def events(wanted: EventFilter, which: PageRequest) -> Page:
    """A page of audit events, newest first. The actor's name is missing where the person has been erased."""
    event = AuditEvent
    query = select(
        event.id, event.at, event.actor_id, Identity.username.label("actor"), event.on_behalf_of, event.via,
        event.correlation_id, event.action, event.object_type, event.object_id, event.administration_id,
        event.request_id, event.job_id, event.reason, event.before, event.after, event.outcome,
    ).outerjoin(Identity, Identity.account_id == event.actor_id)  # fmt: skip
    for name, value in asdict(wanted).items():
        if value is not None:
            query = query.where(getattr(event, name) == value)
    return page(query, [event.id], which, {"list": "events", **asdict(wanted)}, newest_first=True)


def _rows(wanted: Filter, as_of: datetime | None) -> Select[*tuple[Any, ...]]:
    """Administrations with what they run."""
    ran = instances.rows(as_of, instances.Filter(app=wanted.app, state=wanted.state)).subquery("ran")
    region = administrations.selected(as_of).subquery("region")
    query = select(
        Administration.id.label("administration_id"), Administration.slug.label("administration"),
        administrations.names(as_of).label("administration_names"), Administration.kind,
        _of_seat(region.c.slug).label("region"), _of_seat(region.c.names).label("region_names"),
        ran.c.id.label("instance_id"), ran.c.app, ran.c.app_names, ran.c.environment, ran.c.state,
        ran.c.applied.label("version"), ran.c.address, ran.c.since, _place(ran).label("place"),
    )  # fmt: skip
    return (
        query.select_from(Administration)
        .join(ran, ran.c.administration_id == Administration.id, isouter=_with_idle(wanted))
        .where(*_conditions(wanted, ran, as_of))
    )


def _ordered(
    wanted: Filter, language: str, as_of: datetime | None
) -> tuple[Select[*tuple[Any, ...]], list[ColumnElement[Any]]]:
    listed = listed_under(Language(language), as_of)
    query = _rows(wanted, as_of).join(listed, listed.c.administration_id == Administration.id)
    query = query.add_columns(listed.c.sort_key)
    column = query.selected_columns
    return query, [column.sort_key, column.administration_id, column.place]


def _place(ran: Subquery) -> ColumnElement[Any]:
    """Where a row stands within its administration; unique, and not null where nothing runs."""
    return func.concat_ws("/", ran.c.app, ran.c.environment, cast(ran.c.id, Text), type_=Text)


def _of_seat(fact: ColumnElement[Any]) -> ColumnElement[Any]:
    """What is known of the region that the administration is in: the first one on the way up from where it is."""
    here, upper = aliased(Administration), aliased(Administration)
    start = select(here.id, here.kind, func.coalesce(here.territory_id, here.parent_id).label("above"))
    way = start.where(here.id == Administration.id).correlate(Administration).cte("way", recursive=True, nesting=True)
    further = select(upper.id, upper.kind, func.coalesce(upper.territory_id, upper.parent_id).label("above"))
    # One row a step, said to PostgreSQL, which otherwise expects ten and reads the whole register for them.
    step = further.where(upper.id == way.c.above).limit(1).lateral("step")
    way = way.union(select(step.c.id, step.c.kind, step.c.above).select_from(way).join(step, true()))
    seat = select(way.c.id).where(way.c.kind == Kind.REGION).limit(1).scalar_subquery()
    return select(fact).where(fact.table.c.id == seat).scalar_subquery()


def _with_idle(wanted: Filter) -> bool:
    return wanted.lacks_app is not None and wanted.app is None and wanted.state is None


def _conditions(wanted: Filter, ran: Subquery, as_of: datetime | None) -> Iterator[ColumnElement[bool]]:
    yield from administrations.known_at(as_of)
    if _with_idle(wanted):
        closed = Administration.closed_at
        yield or_(ran.c.id.is_not(None), closed.is_(None), closed > (as_of or func.now()))
    if wanted.kind:
        yield Administration.kind == wanted.kind
    if wanted.region_id:
        yield Administration.id.in_(select(inside_region(wanted.region_id).c.id))
    if wanted.text:
        yield Administration.id.in_(select(matches(wanted.text, as_of).c.administration_id))
    if wanted.has_app:
        yield Administration.id.in_(_running(wanted.has_app, as_of))
    if wanted.lacks_app:
        yield Administration.id.not_in(_running(wanted.lacks_app, as_of))


def _running(app: str, as_of: datetime | None) -> Select[tuple[UUID]]:
    return select(instances.rows(as_of, instances.Filter(app=app)).subquery().c.administration_id)
