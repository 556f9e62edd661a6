"""Questions about looks at hosts and what they found; nothing here writes."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import aliased

from provisioner.accounts.models import Identity
from provisioner.administrations.models import Administration
from provisioner.administrations.queries import names
from provisioner.catalogue.models import App, Release
from provisioner.db import db, one_of
from provisioner.errors import NotFound
from provisioner.findings.comparing import Known
from provisioner.findings.lifecycle import LONGEST_LOOK, FindingState, Kind
from provisioner.findings.models import Finding, Survey
from provisioner.hosts.models import Host, HostState
from provisioner.instances.lifecycle import STEPS, Action, State
from provisioner.instances.models import Instance
from provisioner.jobs.lifecycle import OPEN
from provisioner.jobs.models import Job
from provisioner.paging import Page, PageRequest, page

_COLUMNS = Finding.__table__.columns
_decider = aliased(Identity, name="decider")
_LOOKED = [action for action in Action if action is Action.CHECK or STEPS[action].converges]


def now() -> datetime:
    at: datetime = db.session.scalars(select(func.clock_timestamp())).one()
    return at


@dataclass(frozen=True)
class Filter:
    """Which findings; without a state those that are open."""

    state: FindingState | None = FindingState.OPEN
    kind: Kind | None = None
    host: str | None = None
    instance_id: UUID | None = None


def find(wanted: Filter, which: PageRequest) -> Page:
    """Findings with the columns of `_rows`, the newest first."""
    query = _rows().where(*_conditions(wanted))
    order = [_COLUMNS.first_seen, _COLUMNS.id]
    return page(query, order, which, {"list": "findings", **asdict(wanted)}, newest_first=True)


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    equal: tuple[tuple[Any, Any], ...] = (
        (Finding.state, wanted.state),
        (Finding.kind, wanted.kind),
        (Host.name, wanted.host),
        (Finding.instance_id, wanted.instance_id),
    )
    return [column == value for column, value in equal if value is not None]


def by_id(finding_id: UUID) -> Any:
    """One finding with the columns of `_rows`; NotFound."""
    row = db.session.execute(_rows().where(Finding.id == finding_id)).one_or_none()
    if row is None:
        raise NotFound(kind="finding", key=finding_id)
    return row


def _rows() -> Select[*tuple[Any, ...]]:
    """Columns: those of a finding, and host (its name), app_names and administration_names (None without an instance),
    decider (None for the service's own shell, and where the person has been erased), outdated.
    """
    whose = case((Instance.id.is_not(None), names()))
    return (
        select(
            *_COLUMNS, Host.name.label("host"), App.names.label("app_names"),
            whose.label("administration_names"), _decider.display_name.label("decider"),
            outdated().label("outdated"),
        )
        .join(Host, Host.id == Finding.host_id)
        .outerjoin(Instance, Instance.id == Finding.instance_id)
        .outerjoin(App, App.id == Instance.app_id)
        .outerjoin(Administration, Administration.id == Instance.administration_id)
        .outerjoin(_decider, _decider.account_id == Finding.decided_by)
    )  # fmt: skip


def open_count() -> int:
    """How many wait for a decision."""
    return db.session.scalar(select(func.count()).where(Finding.state == FindingState.OPEN)) or 0


def survey(name: str) -> Any:
    """The newest look at a host: the columns of a survey, and host; NotFound if none was or is to be."""
    query = select(*Survey.__table__.columns, Host.name.label("host")).join(Host, Host.id == Survey.host_id)
    row = db.session.execute(query.where(Host.name == name)).one_or_none()
    if row is None:
        raise NotFound(kind="survey", key=name)
    return row


def due() -> ColumnElement[bool]:
    """Whether a host is to be looked at now, and nobody does already; of Survey joined with Host."""
    now = func.clock_timestamp()
    dead = Survey.began_at <= now - LONGEST_LOOK
    idle = or_(Survey.began_at.is_(None), Survey.ended_at >= Survey.began_at, dead)
    return and_(Survey.due_at <= now, idle, Host.parked_at.is_(None), lookable())


def lookable() -> ColumnElement[bool]:
    """Whether there can be anything to see on a host: it has been prepared, and is not retired."""
    return and_(Host.state != HostState.RETIRED, Host.facts.has_key("root"))


def due_sites() -> Sequence[str]:
    """The sites with hosts that are to be looked at now."""
    query = select(Host.site).join(Survey, Survey.host_id == Host.id).where(due())
    return db.session.scalars(query.distinct().order_by(Host.site)).all()


def register(host_id: UUID, names: Collection[str], began: datetime) -> list[Known]:
    """The instances that are to be on the host, and all others that have one of these names."""
    here = (Instance.host_id == host_id) & (Instance.state != State.REMOVED)
    query = (
        select(
            Instance.id, Instance.short_id, Instance.state, (App.slug + "-" + Release.version).label("runtime"),
            here.label("here"), _in_doubt(began).label("in_doubt"), _drift().label("drift"),
        )
        .join(App, App.id == Instance.app_id)
        .outerjoin(Release, Release.id == Instance.applied_release_id)
        .where(or_(here, one_of(Instance.short_id, names)))
    )  # fmt: skip
    return [
        Known(row.id, row.short_id, row.state, row.runtime or "", row.here, row.in_doubt, row.drift or ())
        for row in db.session.execute(query)
    ]


def _in_doubt(began: datetime) -> ColumnElement[bool]:
    return exists().where(Job.instance_id == Instance.id, or_(Job.state.in_(OPEN), Job.finished_at > began))


def outdated() -> ColumnElement[bool]:
    """Whether a job has changed the instance of a finding since the look that saw it last began."""
    changes = (Job.instance_id == Finding.instance_id) & ~Job.read_only
    return exists().where(changes, Job.finished_at > Finding.last_seen).correlate(Finding)


def _drift() -> Any:
    """What the last check said, if nothing has made the instance what it shall be since."""
    last = select(case((Job.action == Action.CHECK, Job.report["drift"])))
    last = last.where(Job.instance_id == Instance.id, Job.finished_at.is_not(None), Job.action.in_(_LOOKED))
    return last.order_by(Job.queued_at.desc()).limit(1).scalar_subquery()


def taken_names(names: Collection[str], host_id: UUID) -> set[str]:
    """Those of these names that belong to an instance which is not removed and lies on this host, or is to come to it.

    What one that has moved left behind is nobody's.
    """
    coming = exists().where(Job.instance_id == Instance.id, Job.state.in_(OPEN), Job.target_host_id == host_id)
    here = or_(Instance.host_id == host_id, coming)
    query = select(Instance.short_id).where(one_of(Instance.short_id, names), Instance.state != State.REMOVED, here)
    return set(db.session.scalars(query))
