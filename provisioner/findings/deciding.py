"""What people decide on findings. Nothing else ever puts right what a host has. No function here commits."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from provisioner.audit import service as audit
from provisioner.db import db
from provisioner.errors import Conflict, Invalid, NotFound
from provisioner.findings import queries, service
from provisioner.findings.lifecycle import REPAIRS, Decision, FindingState, Kind, decidable, decisions
from provisioner.findings.models import Finding
from provisioner.instances import adopting, queries as instances
from provisioner.instances.service import held
from provisioner.requests import service as requests
from provisioner.requests.service import Accepted


class NotDecidable(Conflict):
    code = "finding-not-decidable"
    message = "This cannot be decided on a finding of this kind."


class NotRepairable(NotDecidable):
    message = "This cannot be repaired: nothing in the register says what it should be. Remove it, or ignore it."


class NotAdoptable(NotDecidable):
    message = "This cannot be adopted: nobody asked for it, or the app cannot live with it. Repair it or remove it."


class NotRemovable(NotDecidable):
    message = "This is not to be removed: it belongs to an instance. Ask for the removal of the instance."


class FindingClosed(Conflict):
    code = "finding-closed"
    message = "This finding is closed: it was decided on, or is not there any more."


class FindingOutdated(Conflict):
    code = "finding-outdated"
    message = "A job has changed the instance since the server was looked at. Look at the server again first."


class NameTaken(Conflict):
    code = "name-of-an-instance"
    message = "%(subject)s belongs to an instance that is not removed, so it stays where it is."


REFUSALS: dict[Decision, type[NotDecidable]] = {
    Decision.REPAIR: NotRepairable,
    Decision.ADOPT: NotAdoptable,
    Decision.REMOVE: NotRemovable,
}


def repair(finding_id: UUID, reason: str) -> Accepted:
    """Queue the ordinary job that makes the host what the register says."""
    finding = _held(finding_id, Decision.REPAIR)
    instance_id = _instance(finding)
    _refuse_outdated(finding)
    accepted = requests.ask(instance_id, REPAIRS[finding.kind], reason)
    if accepted is None:
        raise Conflict("There is nothing to do: the instance was put in order since. Look at the server again.")
    finding.job_id = accepted.job.id
    _decide(finding, Decision.REPAIR, FindingState.SETTLED, reason)
    return accepted


def adopt(finding_id: UUID, reason: str) -> Finding:
    """Let the register say from now on what the host has."""
    finding = _held(finding_id, Decision.ADOPT)
    instance_id = _instance(finding)
    _refuse_outdated(finding)
    adopting.adopt(instance_id, str(finding.detail.get("found", "")), reason)
    return _decide(finding, Decision.ADOPT, FindingState.SETTLED, reason)


def remove(finding_id: UUID, reason: str) -> Finding:
    """Have it taken away from the host, where a last copy is kept; a worker of the host's site does it at once."""
    service.look_now(queries.by_id(finding_id).host)  # before the finding is held: looks hold their host first, too
    finding = _held(finding_id, Decision.REMOVE)
    if queries.taken_names([finding.subject], finding.host_id):
        raise NameTaken(subject=finding.subject)
    finding.outcome = None
    return _decide(finding, Decision.REMOVE, FindingState.CLEARING, reason)


def ignore(finding_id: UUID, until: datetime, reason: str) -> Finding:
    """Let it be until a moment; it is open again if it is still seen afterwards."""
    finding = _held(finding_id, Decision.IGNORE)
    if until <= queries.now():
        raise Invalid(errors=[{"pointer": "/until", "detail": "It can be ignored until a moment in the future."}])
    return _decide(finding, Decision.IGNORE, FindingState.IGNORED, reason, until)


def _held(finding_id: UUID, wanted: Decision) -> Finding:
    """The finding, its row held; refused where this cannot be decided on it (any more)."""
    query = select(Finding).where(Finding.id == finding_id).with_for_update(key_share=True)
    finding = db.session.scalar(query.execution_options(populate_existing=True))
    if finding is None:
        raise NotFound(kind="finding", key=finding_id)
    if finding.state not in decidable(wanted):
        raise FindingClosed
    if wanted not in decisions(finding.kind):
        raise REFUSALS[wanted]
    return finding


def _instance(finding: Finding) -> UUID:
    """The instance, its row held: no job of it ends from here on."""
    if finding.instance_id is None:
        raise NotRepairable
    return held(finding.instance_id).id


def _refuse_outdated(finding: Finding) -> None:
    """What was seen before a job changed the instance says nothing of it any more."""
    if db.session.scalar(select(queries.outdated()).where(Finding.id == finding.id)):
        raise FindingOutdated


def _decide(
    finding: Finding, decision: Decision, state: FindingState, reason: str, until: datetime | None = None
) -> Finding:
    now = queries.now()
    finding.decision, finding.decided_at, finding.reason = decision, now, reason
    finding.decided_by = audit.actor().account_id
    finding.state, finding.ignored_until = state, until
    if state is FindingState.SETTLED:
        finding.closed_at = now
    db.session.flush()
    audit.record(
        f"finding.{decision}",
        "finding",
        finding.id,
        administration_id=_administration(finding),
        job_id=finding.job_id,
        reason=reason,
        after=_told(finding),
    )
    return finding


def _administration(finding: Finding) -> UUID | None:
    return instances.by_id(finding.instance_id).administration_id if finding.instance_id else None


def _told(finding: Finding) -> dict[str, Any]:
    until = {"until": finding.ignored_until.isoformat(timespec="minutes")} if finding.ignored_until else {}
    return {"kind": Kind(finding.kind), "subject": finding.subject, **until}
