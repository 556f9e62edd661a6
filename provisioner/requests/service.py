"""Every action enters here: what was asked is frozen as a plan, a policy decides, and what is approved begins."""

import hashlib
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import orjson
from sqlalchemy import func

from provisioner.administrations import service as administrations
from provisioner.audit import service as audit
from provisioner.catalogue import parameters, queries as catalogue
from provisioner.catalogue.models import App, Release
from provisioner.config import settings
from provisioner.db import Json, db
from provisioner.errors import Conflict
from provisioner.instances import queries as instance_queries, service as instances
from provisioner.instances.lifecycle import Action, Environment
from provisioner.instances.models import Instance
from provisioner.jobs.models import Job
from provisioner.requests.models import Decision, Request


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


def _plan(action: Action, instance: Instance, release: Release) -> Json:
    app = release.app
    return {
        "action": action,
        "app": app.slug,
        "digest": app.digest,
        "release": release.version,
        "instances": [
            {
                "id": str(instance.id),
                "administration_id": str(instance.administration_id),
                "environment": instance.environment,
                "host_id": str(instance.host_id),
                "from_release_id": str(instance.applied_release_id) if instance.applied_release_id else None,
                "settings": instance.settings,
            }
        ],
    }


def _approved(plan: Json, reason: str, administration_id: UUID) -> Request:
    request = Request(
        id=uuid4(),
        plan=plan,
        digest=digest(plan),
        reason=reason,
        requested_by=audit.actor().account_id,
        decision=Decision.APPROVED,
        policy=policy(),
        decided_at=func.clock_timestamp(),
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
        after={"action": plan["action"], "app": plan["app"], "release": plan["release"], "policy": request.policy},
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
    return _start(Action.PROVISION, instance, release, wish.reason)


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
    instance_id: UUID, action: Action, reason: str, release: str | None = None, *, background: bool = False
) -> Accepted:
    """Ask for an action on an instance that exists. An update goes to `release`, or to the newest current one.

    What is asked for in the background waits behind everything else, and gives way to what people ask for.
    """
    instance = instances.held(instance_id)
    app = catalogue.app_by_id(instance.app_id)
    if action not in app.manifest["actions"]:
        raise Conflict("%(app)s does not offer the action %(action)s.", app=app.slug, action=action)
    return _start(action, instance, _target(instance, app, action, release), reason, background=background)


def _target(instance: Instance, app: App, action: Action, wanted: str | None) -> Release:
    if action is Action.UPDATE:
        target = catalogue.release(app, wanted)
        _refuse_backwards(instance, target)
        return target
    return catalogue.release_by_id(instance.applied_release_id or instance.desired_release_id)


def _refuse_backwards(instance: Instance, target: Release) -> None:
    if instance.applied_release_id is None:
        return  # lifecycle refuses: there is nothing to update yet
    applied = catalogue.release_by_id(instance.applied_release_id)
    if target.position <= applied.position:
        raise Conflict("%(version)s is not newer than %(applied)s.", version=target.version, applied=applied.version)


def _start(action: Action, instance: Instance, release: Release, reason: str, *, background: bool = False) -> Accepted:
    request = _approved(_plan(action, instance, release), reason, instance.administration_id)
    return Accepted(request, instances.begin(instance, action, release, request.id, background=background))
