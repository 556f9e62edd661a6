"""Every action enters here: what was asked is frozen as a plan, a policy decides, and what is approved begins."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import orjson
from sqlalchemy import func, select

from provisioner.administrations import service as administrations
from provisioner.audit import service as audit
from provisioner.backups import queries as stored
from provisioner.catalogue import parameters, queries as catalogue
from provisioner.catalogue.models import App
from provisioner.config import settings
from provisioner.db import Json, db, enter
from provisioner.errors import Conflict, Invalid
from provisioner.instances import ending, queries as instance_queries, service as instances
from provisioner.instances.beginning import NoBackup, Outcome, Verdict, Wish, begin, judged
from provisioner.instances.lifecycle import STEPS, Action, Environment
from provisioner.instances.queries import Filter
from provisioner.jobs.models import Job
from provisioner.requests.models import Decision, Request, RequestOutcome

FOR_MANY = (
    Action.UPDATE, Action.RECONFIGURE, Action.SUSPEND, Action.RESUME, Action.ROTATE, Action.BACK_UP, Action.DRILL,
    Action.CHECK, Action.MOVE,
)  # fmt: skip
MOST = 20_000  # instances of one request
AT_ONCE = 50  # removals that one look begins


class NothingSelected(Invalid):
    code = "nothing-selected"
    message = "No instance is like that, so there is nothing to ask for."


class TooMany(Invalid):
    code = "too-many-instances"
    message = "One request is for at most %(most)s instances."


@dataclass(frozen=True)
class NewInstance:
    """A wish for an instance that does not exist yet. `release` empty: the newest current one."""

    administration_id: UUID
    app: str
    reason: str
    release: str | None = None
    environment: Environment = Environment.PRODUCTION
    settings: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Accepted:
    request: Request
    job: Job


def policy() -> str:
    """Which rule decides on a request. There is one so far: whoever may operate may act at once."""
    return "direct"


def digest(plan: Json) -> str:
    """What an approval is bound to."""
    return hashlib.sha256(orjson.dumps(plan, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _plan(wish: Wish, accepted: Sequence[Verdict]) -> Json:
    """What is decided on: the action on each of these instances. The release is the one they have in common."""
    releases = {verdict.release.version for verdict in accepted}
    return {
        "action": wish.action,
        "app": wish.app.slug,
        "digest": wish.app.digest,
        "release": wish.release.version if wish.release else releases.pop() if len(releases) == 1 else None,
        "instances": [_planned(verdict) for verdict in accepted],
        **({"secrets": wish.renewed} if wish.renewed else {}),
    }


def _planned(verdict: Verdict) -> Json:
    instance = verdict.instance
    return {
        "id": str(instance.id),
        "administration_id": str(instance.administration_id),
        "environment": instance.environment,
        "host_id": str(instance.host_id),
        "from_release_id": str(instance.applied_release_id) if instance.applied_release_id else None,
        "release": verdict.release.version,
        "settings": instance.settings,
    }


def _approved(plan: Json, reason: str, administration_id: UUID | None, schedule_id: UUID | None) -> Request:
    request = Request(
        id=uuid4(),
        plan=plan,
        digest=digest(plan),
        reason=reason,
        requested_by=audit.actor().account_id,
        decision=Decision.APPROVED,
        policy=policy(),
        decided_at=func.clock_timestamp(),
        schedule_id=schedule_id,
    )
    db.session.add(request)
    db.session.flush()
    audit.record(
        "request.approve",
        "request",
        request.id,
        administration_id=administration_id,
        request_id=request.id,
        reason=reason,
        after={
            "action": plan["action"],
            "app": plan["app"],
            "release": plan["release"] or "",
            "instances": len(plan["instances"]),
            "policy": request.policy,
        },
    )
    return request


def ask_for(wish: NewInstance) -> Accepted:
    """Ask for an app for an administration: enters the instance and queues its provisioning."""
    app = catalogue.offered(wish.app)
    release = catalogue.release(app, wish.release)
    given = parameters.validated(app.parameters, wish.settings)
    administration = administrations.held(wish.administration_id)
    if administration.closed_at:
        raise Conflict("This administration is closed.")
    _refuse_second(administration.id, app, wish.environment)
    instance = instances.reserve(
        instances.Wanted(administration, app, release, wish.environment, given), settings().zone
    )
    asked = Wish(app, Action.PROVISION)
    return _accept(judged([instance.id], asked)[0], asked, wish.reason)


def _refuse_second(administration_id: UUID, app: App, environment: Environment) -> None:
    there = instance_queries.live(administration_id, app.id, environment)
    if there:
        raise Conflict(
            "This administration already has %(app)s (%(environment)s): instance %(instance_id)s.",
            app=app.slug,
            environment=environment,
            instance_id=str(there),
        )


def ask(
    instance_id: UUID,
    action: Action,
    reason: str,
    release: str | None = None,
    settings: Json | None = None,
    *,
    backup_id: UUID | None = None,
    days: int | None = None,
    background: bool = False,
    names: Sequence[str] = (),
    target: str | None = None,
) -> Accepted | None:
    """Ask for an action on an instance that exists; None if everything is already as it would leave it.

    An update goes to `release`, or to the newest current one; every other action stays on the release that is there.
    `settings` are new values for some of the app's parameters, `names` the secrets that a rotation renews; `backup_id`
    is what is restored or proven, the newest if none is named; `days` is the grace period of a removal
    (`instances.ending.begin`); `target` is the host that it moves to, the one that suits best if none is named. What
    is asked for in the background waits behind everything else, and gives way to what people ask for.
    """
    instance = instances.held(instance_id)
    app = catalogue.app_by_id(instance.app_id)
    if action is Action.REMOVE:
        Wish(app, action)  # refused here where the app does not offer it: a removal may begin with a suspension
        now = ending.begin(instance, days, reason)
        if now is None:
            return None
        action = now
    wish = replace(_wish(app, action, release, background=background), names=tuple(names), target=target)
    if STEPS[action].opens_backup:
        wish = _opening(wish, instance_id, backup_id)
    if settings:
        instances.configure(instance, app, settings)
    verdict = judged([instance_id], wish)[0]
    return None if verdict.outcome is Outcome.UNCHANGED else _accept(verdict, wish, reason)


def _wish(app: App, action: Action, version: str | None, *, background: bool) -> Wish:
    release = catalogue.release(app, version) if action is Action.UPDATE else None
    return Wish(app, action, release, background=background)


def _opening(wish: Wish, instance_id: UUID, backup_id: UUID | None) -> Wish:
    """The wish for a backup of this instance: to restore it is to go to its release."""
    backup = stored.by_id(backup_id) if backup_id else stored.newest([instance_id]).get(instance_id)
    if backup is None or backup.instance_id != instance_id or backup.expired_at:
        raise NoBackup
    release = catalogue.release_by_id(backup.release_id) if STEPS[wish.action].applies_release else None
    return replace(wish, release=release, backup=backup)


def _accept(verdict: Verdict, wish: Wish, reason: str) -> Accepted:
    if verdict.refusal:
        raise verdict.refusal
    request = _decide([verdict], wish, reason, verdict.instance.administration_id)
    return Accepted(request, db.session.scalars(select(Job).where(Job.request_id == request.id)).one())


@dataclass(frozen=True)
class Selection:
    """Which instances of an app: these, or all that the filter finds."""

    app: str
    instances: Collection[UUID] = ()
    where: Filter | None = None

    def ids(self) -> Collection[UUID]:
        """NothingSelected or TooMany where no request can be made of them."""
        found = self.instances
        if self.where:
            found = instance_queries.ids(replace(self.where, app=self.app), MOST)
        if not found:
            raise NothingSelected
        if len(found) > MOST:
            raise TooMany(most=MOST)
        return set(found)


def ask_many(
    which: Selection, action: Action, reason: str, release: str | None = None, schedule_id: UUID | None = None
) -> Request:
    """Ask for an action on many instances of an app; what came of it for each stands in the outcomes of the request.

    One that must be refused does not keep the others waiting. `schedule_id`: no person asks, but this schedule.
    """
    wish = _wish_for_many(which.app, action, release)
    return _decide(judged(which.ids(), wish), wish, reason, schedule_id=schedule_id)


def foreseen(which: Selection, action: Action, release: str | None = None) -> list[Verdict]:
    """What would come of it."""
    return judged(which.ids(), _wish_for_many(which.app, action, release))


def _wish_for_many(app: str, action: Action, release: str | None) -> Wish:
    """What changes nothing is a sweep, which gives way to what people ask for."""
    return _wish(catalogue.by_slug(app), action, release, background=STEPS[action].read_only)


def remove_due(app: str) -> int:
    """Ask for the removal of what has outlived its grace period; how many there were. Others come at the next call."""
    found = instance_queries.removable(app, AT_ONCE)
    if found:
        ask_many(Selection(app, found), Action.REMOVE, "The grace period is over.")
    return len(found)


def _decide(
    verdicts: Sequence[Verdict],
    wish: Wish,
    reason: str,
    administration_id: UUID | None = None,
    schedule_id: UUID | None = None,
) -> Request:
    """Freeze what may begin, begin it, and keep what came of the wish for each instance."""
    accepted = [verdict for verdict in verdicts if verdict.outcome is Outcome.ACCEPTED]
    request = _approved(_plan(wish, accepted), reason, administration_id, schedule_id)
    jobs = begin(wish, accepted, request.id)
    job_ids = {verdict.instance.id: job_id for verdict, job_id in zip(accepted, jobs, strict=True)}
    enter(RequestOutcome, [_kept(verdict, request.id, job_ids.get(verdict.instance.id)) for verdict in verdicts])
    return request


def _kept(verdict: Verdict, request_id: UUID, job_id: UUID | None) -> Json:
    refusal = verdict.refusal
    holder = verdict.holder.id if refusal and verdict.holder else None
    return {
        "request_id": request_id,
        "instance_id": verdict.instance.id,
        "outcome": verdict.outcome,
        "job_id": job_id or holder,
        "code": refusal.code if refusal else None,
        "message": refusal.message if refusal else None,
        "details": refusal.details if refusal else None,
    }
