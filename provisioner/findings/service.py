"""Looking at hosts: when, and what becomes of what was seen. No function here commits; time is the database's."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select, text, update

from provisioner.audit import service as audit
from provisioner.db import Json, db, one_of
from provisioner.errors import Conflict, NotFound
from provisioner.findings import queries
from provisioner.findings.comparing import Difference, Seen, compare, doubtful
from provisioner.findings.lifecycle import LIVE, LONGEST_LOOK, FindingState, Kind, next_look
from provisioner.findings.models import Finding, Survey
from provisioner.hosts import queries as hosts
from provisioner.hosts.models import Host
from provisioner.instances import adopting
from provisioner.workers.service import wake

FEW = 4000  # characters of last words that are kept


class NotLookable(Conflict):
    code = "host-not-lookable"
    message = "The server %(name)s has not been prepared or is retired, so there is nothing to see on it."


class NotLookedYet(Conflict):
    code = "survey-pending"
    message = "Nobody has looked at the server %(name)s yet. Is a worker of its site there, and not drained?"


class LookFailed(Conflict):
    code = "survey-failed"
    message = "The server %(name)s could not be looked at: %(said)s"


def plan() -> None:
    """Let every host that can be looked at have its place in the night."""
    planned = select(Survey.host_id)
    new = db.session.scalars(select(Host.id).where(queries.lookable(), Host.id.not_in(planned))).all()
    now = queries.now()
    for host_id in new:
        _enter(host_id, next_look(host_id, now))


def _enter(host_id: UUID, due_at: datetime) -> None:
    db.session.execute(
        text("INSERT INTO survey (host_id, due_at) VALUES (:host_id, :due_at) ON CONFLICT DO NOTHING"),
        {"host_id": host_id, "due_at": due_at},
    )


def look_now(name: str) -> datetime:
    """Let a host be looked at as soon as a worker of its site can; returns since when that is wished for."""
    host = hosts.by_name(name)
    if db.session.scalar(select(queries.lookable()).where(Host.id == host.id)) is not True:
        raise NotLookable(name=name)
    now = queries.now()
    _enter(host.id, now)
    db.session.execute(update(Survey).where(Survey.host_id == host.id).values(due_at=now))
    wake()
    return now


def lookable() -> Sequence[str]:
    """The names of all hosts that can be looked at."""
    return db.session.scalars(select(Host.name).where(queries.lookable()).order_by(Host.name)).all()


@dataclass(frozen=True)
class Look:
    """A look at a host that has begun. `clearing`: what is taken away from it before."""

    host: Host
    began: datetime
    clearing: list[dict[str, str]]


def begin(sites: Sequence[str]) -> Look | None:
    """Take a host of these sites that is to be looked at; nobody else gets it meanwhile."""
    query = select(Survey).join(Host, Host.id == Survey.host_id).where(Host.site.in_(sites), queries.due())
    survey = db.session.scalar(
        query.order_by(Survey.due_at).limit(1).with_for_update(of=Survey, skip_locked=True, key_share=True)
    )
    if survey is None:
        return None
    survey.began_at = now = queries.now()
    survey.due_at = now + LONGEST_LOOK
    host = hosts.by_id(survey.host_id)
    return Look(host, now, _to_clear(host.id))


def _to_clear(host_id: UUID) -> list[dict[str, str]]:
    """What people decided to take away, as the module host_clear wants it; nothing that is an instance's by now."""
    decided = select(Finding).where(Finding.host_id == host_id, Finding.state == FindingState.CLEARING)
    found = db.session.scalars(decided.order_by(Finding.decided_at)).all()
    taken = queries.taken_names([each.subject for each in found], host_id)
    return [
        {"finding": str(each.id), "kind": each.kind.value, "name": each.subject}
        for each in found
        if each.subject not in taken
    ]


def cleared(look: Look, report: Json) -> None:
    """Keep what came of taking things away: a last copy of each, or why it could not be.

    Where a last copy lies is kept whatever became of the finding since. Of the rest only the newest look tells.
    """
    newest = _held(look.host.id).began_at == look.began
    copies, refused = _outcomes(report, "cleared"), _outcomes(report, "refused")
    told = [UUID(thing["finding"]) for thing in look.clearing]
    found = select(Finding).where(one_of(Finding.id, told)).order_by(Finding.id).with_for_update(key_share=True)
    for finding in db.session.scalars(found.execution_options(populate_existing=True)):
        key = str(finding.id)
        if copies.get(key) or (newest and finding.state is FindingState.CLEARING):
            _clear(finding, copies.get(key), refused.get(key))


def _clear(finding: Finding, copy: str | None, refusal: str | None) -> None:
    """`copy`: where it lies now, empty if nothing was there; None if it could not be taken away."""
    if copy is None:
        finding.state, finding.outcome = FindingState.OPEN, refusal
    else:
        finding.outcome = copy
        if finding.state in LIVE:
            finding.state, finding.ignored_until, finding.closed_at = FindingState.SETTLED, None, queries.now()
    after = {"kind": finding.kind, "subject": finding.subject, "outcome": finding.outcome or ""}
    outcome = "refused" if copy is None else "done"
    audit.record("finding.clear", "finding", finding.id, after=after, outcome=outcome)


def _outcomes(report: Json, part: str) -> dict[str, str]:
    told = report.get(part)
    return {str(key): str(value)[:FEW] for key, value in told.items()} if isinstance(told, Mapping) else {}


def _is(state: FindingState) -> Any:
    return Finding.state == state


def keep(look: Look, report: Json) -> int:
    """Compare what a look saw with the register; returns how many differences there are.

    Those that are new are opened, those that are gone closed, the others stay the findings that they were. ValueError
    if the report is not understood.
    """
    survey = _held(look.host.id)
    if survey.began_at != look.began:
        return 0  # it took so long that somebody else began anew
    seen = Seen.of(report)
    known = queries.register(look.host.id, seen.names, look.began)
    found = compare(known, seen)
    changes = _write(look, found, doubtful(known))
    adopting.doubt({each.instance_id for each in found if each.instance_id and each.kind is not Kind.UNKNOWN_INSTANCE})
    if any(changes.values()):
        audit.record("host.survey", "host", look.host.id, after={"name": look.host.name, **changes})
    survey.succeeded_at, survey.failure, survey.facts = look.began, None, _facts(report, seen)
    _end(survey)
    return len(found)


def fail(look: Look, said: str) -> None:
    """It came to no result: findings stay as they are."""
    survey = _held(look.host.id)
    if survey.began_at == look.began:
        survey.failure = said[-FEW:]
        _end(survey)


def _end(survey: Survey) -> None:
    """The next is in the next night, unless somebody wished for one meanwhile."""
    survey.ended_at = now = queries.now()
    if survey.began_at and survey.due_at >= survey.began_at + LONGEST_LOOK:
        survey.due_at = next_look(survey.host_id, now)


def _held(host_id: UUID) -> Survey:
    query = select(Survey).where(Survey.host_id == host_id).with_for_update(key_share=True)
    survey = db.session.scalar(query.execution_options(populate_existing=True))
    if survey is None:
        raise NotFound(kind="survey", key=host_id)
    return survey


def _facts(report: Json, seen: Seen) -> Json:
    kept = {name: report[name] for name in ("at", "python", "postgres", "disk", "memory")}
    counts = {"instances": len(seen.instances), "services": len(seen.services), "databases": len(seen.databases)}
    return {**kept, **counts, "runtimes": sorted(report["folders"]["runtimes"])}


SEEN = "jsonb_to_recordset(CAST(:seen AS jsonb)) AS seen (kind text, subject text, instance_id uuid, detail jsonb)"
# What is ignored no longer than to a moment that has passed is open again, if it is seen again.
REOPEN = text(f"""
    UPDATE finding SET state = 'open', ignored_until = NULL FROM {SEEN}
    WHERE finding.host_id = :host_id AND finding.state = 'ignored' AND finding.ignored_until <= clock_timestamp()
        AND (seen.kind, seen.subject) = (finding.kind, finding.subject)
""")  # noqa: S608 - made of a text of our own
ENTER = text(f"""
    WITH entered AS (
        INSERT INTO finding (id, host_id, kind, subject, instance_id, detail, state, first_seen, last_seen)
        SELECT gen_random_uuid(), :host_id, seen.kind, seen.subject, seen.instance_id, seen.detail, 'open', :at, :at
        FROM {SEEN}
        ON CONFLICT (host_id, kind, subject) WHERE state IN ('open', 'ignored', 'clearing') DO UPDATE
            SET instance_id = excluded.instance_id, detail = excluded.detail,
                last_seen = greatest(finding.last_seen, excluded.last_seen)
        RETURNING xmax = 0 AS is_new
    ) SELECT count(*) FROM entered WHERE is_new
""")  # noqa: S608 - made of a text of our own
CLOSE = text(f"""
    UPDATE finding SET state = 'gone', ignored_until = NULL, closed_at = clock_timestamp()
    WHERE host_id = :host_id AND state = ANY (:live) AND subject <> ALL (:doubtful) AND last_seen < :at
        AND NOT EXISTS (SELECT FROM {SEEN} WHERE (seen.kind, seen.subject) = (finding.kind, finding.subject))
""")  # noqa: S608 - made of a text of our own


def _write(look: Look, found: Sequence[Difference], doubtful: set[str]) -> dict[str, int]:
    """How many findings are new or open again, and how many are gone."""
    db.session.flush()
    given: dict[str, Any] = {
        "host_id": look.host.id,
        "seen": orjson.dumps([asdict(each) for each in found]).decode(),
        "at": look.began,
        "live": [state.value for state in LIVE],
        "doubtful": sorted(doubtful),
    }
    reopened: Any = db.session.execute(REOPEN, given)
    entered = db.session.execute(ENTER, given).scalar_one()
    closed: Any = db.session.execute(CLOSE, given)
    return {"found": reopened.rowcount + entered, "gone": closed.rowcount}
