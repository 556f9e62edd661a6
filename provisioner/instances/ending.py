"""How the life of an instance ends: a grace period, a legal hold that stops it, and a certificate of erasure."""

import hashlib
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import delete, func, select

from provisioner.administrations.models import Administration
from provisioner.administrations.queries import names
from provisioner.audit import service as audit
from provisioner.catalogue.models import App
from provisioner.config import settings
from provisioner.db import Json, db
from provisioner.errors import Conflict
from provisioner.hosts.models import Host
from provisioner.instances.lifecycle import Action, State, may_be_asked
from provisioner.instances.models import Erasure, Instance, InstanceSecret
from provisioner.jobs.models import Job


class OnHold(Conflict):
    code = "legal-hold"
    message = "A legal hold is on this instance, so nothing of it is erased: %(why)s"


class InGrace(Conflict):
    code = "grace-period"
    message = "The grace period of this instance is not over: it can be removed after %(until)s."


class NotRemoved(Conflict):
    code = "not-removed"
    message = "This instance has not been removed, so there is no certificate of erasure."


def schedule(instance: Instance, days: int, reason: str) -> None:
    """Let the grace period of an instance begin, or begin anew; the caller holds its row. OnHold under a legal hold."""
    if instance.legal_hold:
        raise OnHold(why=instance.legal_hold)
    over = func.clock_timestamp() + func.make_interval(0, 0, 0, days)
    instance.removal_due_at = due = db.session.scalars(select(over)).one()
    db.session.flush()
    _record("instance.schedule_removal", instance, reason, {"removal_due_at": due.isoformat()})


def begin(instance: Instance, days: int | None, reason: str) -> Action | None:
    """Start the removal of an instance whose row the caller holds: what has to be done now, if anything.

    One that never served is removed at once. Others are suspended first, and removed by themselves `days` later.
    """
    if instance.state in {State.PLANNED, State.FAILED}:
        return Action.REMOVE
    if not may_be_asked(Action.REMOVE, instance.state):
        return Action.REMOVE  # which is refused for its state
    if days is not None or instance.removal_due_at is None:
        schedule(instance, settings().grace_days if days is None else days, reason)
    if instance.state is State.ACTIVE:
        return Action.SUSPEND
    return Action.REMOVE if days == 0 else None


def call_off(instance: Instance, reason: str | None) -> None:
    """The instance shall stay; the caller holds its row."""
    if instance.removal_due_at:
        instance.removal_due_at = None
        db.session.flush()
        _record("instance.call_off_removal", instance, reason, {})


def hold(instance: Instance, reason: str) -> None:
    """Let nothing of the instance be erased, for this reason; the caller holds its row."""
    instance.legal_hold = reason
    db.session.flush()
    _record("instance.hold", instance, reason, {})


def release(instance: Instance, reason: str) -> None:
    """Lift the legal hold; the caller holds the instance's row."""
    if not instance.legal_hold:
        raise Conflict("There is no legal hold on this instance.")
    instance.legal_hold = None
    db.session.flush()
    _record("instance.lift_hold", instance, reason, {})


def refusal(state: str, removal_due_at: datetime | None, legal_hold: str | None, now: datetime) -> Conflict | None:
    """Why an instance may not be removed now. One that never served has nothing that a grace period could save."""
    if legal_hold:
        return OnHold(why=legal_hold)
    if state == State.SUSPENDED and (removal_due_at is None or removal_due_at > now):
        return InGrace(until=(removal_due_at or now).isoformat(timespec="minutes"))
    return None


def certify(instance: Instance, job: Job, word: str | None) -> None:
    """Keep what was erased and what is left, and destroy the secrets of an instance that its job has removed.

    `word`: why a person says that it has. Nobody looked for what was erased then, and the certificate says so.
    """
    certificate = {**_facts(instance), "erased": job.report.get("erased"), "last_backup": job.report.get("backup")}
    if word:
        person = audit.actor().account_id
        certificate["word"] = {"account_id": str(person) if person else None, "reason": word}
    kept = Erasure(instance_id=instance.id, job_id=job.id, certificate=certificate)
    db.session.add(kept)
    db.session.execute(delete(InstanceSecret).where(InstanceSecret.instance_id == instance.id))
    db.session.flush()
    instance.removal_due_at = None
    _record("instance.certify_erasure", instance, word, {"digest": digest(certificate)})


def _facts(instance: Instance) -> Json:
    query = select(names().label("names"), App.slug, Host.name.label("host")).select_from(Administration)
    query = query.join(App, App.id == instance.app_id).join(Host, Host.id == instance.host_id)
    row = db.session.execute(query.where(Administration.id == instance.administration_id)).one()
    return {
        "instance": {"id": str(instance.id), "short_id": instance.short_id, "hostname": instance.hostname},
        "administration": {"id": str(instance.administration_id), "names": row.names},
        "app": row.slug,
        "environment": instance.environment,
        "host": row.host,
    }


def digest(certificate: Json) -> str:
    """SHA-256 over the certificate, its keys in order; the audit keeps it, so that a copy can be compared."""
    return hashlib.sha256(orjson.dumps(certificate, option=orjson.OPT_SORT_KEYS)).hexdigest()


def certificate(instance: Instance) -> Any:
    """The certificate of a removed instance; NotRemoved for others."""
    found = db.session.get(Erasure, instance.id)
    if found is None:
        raise NotRemoved
    return found


def _record(action: str, instance: Instance, reason: str | None, after: Json) -> None:
    audit.record(
        action, "instance", instance.id, administration_id=instance.administration_id, reason=reason, after=after
    )
