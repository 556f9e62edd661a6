"""What a night will bring: whom the schedules ask for, from when until when, and which freeze windows hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Text, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from provisioner.calendar import queries
from provisioner.calendar.lifecycle import DAY, Span, day_of, first_id, noon, place_of
from provisioner.calendar.models import Schedule
from provisioner.catalogue import queries as catalogue
from provisioner.catalogue.models import App
from provisioner.db import Words, db
from provisioner.instances.models import Instance

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Hour:
    at: datetime
    instances: int


@dataclass(frozen=True)
class Sweep:
    """One action on the instances of one app in one night."""

    action: str
    app: str
    app_names: Words
    opens_at: datetime
    closes_at: datetime
    instances: int
    first: datetime
    last: datetime
    hours: tuple[Hour, ...]


@dataclass(frozen=True)
class LeftOut:
    """An app that does not offer the action of a schedule for all, or an own schedule that is switched off."""

    action: str
    app: str
    app_names: Words


@dataclass(frozen=True)
class Preview:
    night: date
    begins: datetime
    ends: datetime
    sweeps: Sequence[Sweep]
    left_out: Sequence[LeftOut]
    freezes: Sequence[Any]


def of(night: date) -> Preview:
    """From this day's noon to the next: as the schedules, the freeze windows and the instances are now."""
    begins, ends = noon(night), noon(night + DAY)
    opening = [(schedule, span) for schedule in queries.live() for span in _openings(schedule, begins, ends)]
    sweeps = [sweep for schedule, span in opening for sweep in _sweeps(schedule, span)]
    left_out = [each for schedule, _ in opening for each in _left_out(schedule)]
    return Preview(night, begins, ends, sweeps, left_out, queries.freezes_between(begins, ends))


def _openings(schedule: Schedule, begins: datetime, ends: datetime) -> Iterator[Span]:
    """What has begun, as it was planned then, and what the schedule will open."""
    yield from queries.begun(schedule, begins, ends)
    since = max(begins, queries.followed_since(schedule))
    for span in schedule.window.spans(day_of(begins), day_of(ends)):
        if since <= span.opens_at < ends:
            yield span


def _left_out(schedule: Schedule) -> Iterator[LeftOut]:
    whom = {app.id for app in queries.apps_of(schedule)}
    for app in catalogue.apps():
        if app.id not in whom and schedule.app_id in {None, app.id} and schedule.action not in app.manifest["actions"]:
            yield LeftOut(schedule.action, app.slug, app.names)


def _sweeps(schedule: Schedule, span: Span) -> Iterator[Sweep]:
    apps = queries.apps_of(schedule)
    hours = list(_hours(span))
    counts = _counts(schedule, apps, [span.place(hour) for hour in hours])
    for app in apps:
        if own := counts.get(app.id):
            yield _sweep(schedule, app, span, hours, own)


def _sweep(schedule: Schedule, app: App, span: Span, hours: Sequence[datetime], counts: dict[int, Any]) -> Sweep:
    ids = [row for _, row in sorted(counts.items())]
    return Sweep(
        action=schedule.action,
        app=app.slug,
        app_names=app.names,
        opens_at=span.opens_at,
        closes_at=span.closes_at,
        instances=sum(row.instances for row in ids),
        first=span.at(place_of(ids[0].first)),
        last=span.at(place_of(ids[-1].last)),
        hours=tuple(
            Hour(at, counts[number].instances if number in counts else 0) for number, at in enumerate(hours, start=1)
        ),
    )


def _hours(span: Span) -> Iterator[datetime]:
    """When it opens, and each full hour until it closes."""
    at = span.opens_at
    while at < span.closes_at:
        yield at
        at = at.replace(minute=0, second=0, microsecond=0) + HOUR


def _counts(schedule: Schedule, apps: Sequence[App], places: Sequence[int]) -> dict[Any, dict[int, Any]]:
    """By the app's id and the number of the hour: how many instances, the first and the last id."""
    ids = literal([first_id(place) for place in places], ARRAY(Uuid()))
    hour = func.width_bucket(Instance.id, ids)
    in_order = Instance.id.cast(Text).collate("C")
    first, last = func.min(in_order), func.max(in_order)
    rows = db.session.execute(
        select(
            Instance.app_id, hour.label("hour"), func.count().label("instances"),
            first.cast(Uuid()).label("first"), last.cast(Uuid()).label("last"),
        )
        .where(*queries.meant(schedule.action, apps))
        .group_by(Instance.app_id, hour)
    )  # fmt: skip
    counts: dict[Any, dict[int, Any]] = {}
    for row in rows:
        counts.setdefault(row.app_id, {})[row.hour] = row
    return counts
