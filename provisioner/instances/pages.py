"""Pages about instances; and what other rooms' pages show of them, without knowing this room."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from provisioner.accounts import browser
from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.backups import queries as stored
from provisioner.backups.lifecycle import Overdue
from provisioner.catalogue import queries as catalogue
from provisioner.catalogue.models import App
from provisioner.config import settings
from provisioner.db import transaction
from provisioner.instances import ending, lifecycle, queries, service
from provisioner.instances.lifecycle import Action, Environment, State
from provisioner.instances.schemas import DecisionRequest, InstancesQuery, ResolveRequest, meant
from provisioner.jobs import queries as jobs
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.schemas import CancelRequest
from provisioner.listing import asked, filters, taken
from provisioner.paging import PageRequest
from provisioner.presentation import format_moment, label, language, localised

blp = Blueprint("instances", __name__)

RECENT = PageRequest(size=10)


@blp.get("/instances")
@requires(Right.VIEW)
def every() -> str:
    wanted = asked(InstancesQuery)
    which, as_of = taken(wanted), wanted.pop("as_of")
    apps = catalogue.apps()
    return render_template(
        "instances/list.html",
        page=queries.find(meant(wanted), which, language(), as_of),
        given=filters(),
        as_of=as_of,
        apps=[(app.slug, localised(app.names)) for app in apps],
        releases=_versions(apps, wanted.get("app")),
        states=queries.STATES,
        environments=Environment,
        overdue=Overdue,
    )


def _versions(apps: Sequence[App], chosen: str | None) -> list[tuple[str, str]]:
    """The versions of the chosen app, or of all of them, to choose from."""
    versions = [release.version for app in apps if chosen in {None, app.slug} for release in reversed(app.releases)]
    return [(version, version) for version in dict.fromkeys(versions)]


@blp.get("/instances/<uuid:instance_id>")
@requires(Right.VIEW)
def one(instance_id: UUID) -> str:
    instance = queries.detail(instance_id)
    app = catalogue.app_by_id(queries.by_id(instance_id).app_id)
    return render_template(
        "instances/one.html",
        instance=instance,
        app=app,
        actions=_actions(instance, app),
        newer=_newer(instance, app),
        restorable=_restorable(stored.restorable(instance_id)),
        backups=stored.of_instance(instance_id, PageRequest()),
        grace_days=settings().grace_days,
        jobs=jobs.find(jobs.Filter(instance_id=instance_id), RECENT),
        history=queries.history(instance_id),
    )


def _actions(instance: Any, app: App) -> list[Action]:
    """What may be asked of the instance as it is now; nothing while a job has it."""
    if instance.job_id:
        return []
    state = State(instance.state)
    return [action for action in Action if action in app.manifest["actions"] and lifecycle.may_be_asked(action, state)]


def _newer(instance: Any, app: App) -> list[tuple[str, str]]:
    """The releases that an update can go to, the newest first, each with what it is."""
    applied = next((each.position for each in app.releases if each.version == instance.applied), 0)
    newer = [each for each in reversed(catalogue.usable(app)) if each.position > applied]
    return [(each.version, f"{each.version} · {label(each.state, 'release')}") for each in newer]


def _restorable(backups: Sequence[Any]) -> list[tuple[str, str]]:
    """To choose from."""
    return [(str(backup.id), f"{format_moment(backup.taken_at)} · {backup.version}") for backup in backups]


@blp.get("/instances/<uuid:instance_id>/certificate")
@requires(Right.VIEW)
def certificate(instance_id: UUID) -> str:
    kept = ending.certificate(queries.by_id(instance_id))
    return render_template(
        "instances/certificate.html",
        erasure=kept,
        certificate=kept.certificate,
        digest=ending.digest(kept.certificate),
    )


@blp.post("/instances/<uuid:instance_id>/failed-release/pardon")
@requires(Right.OPERATE)
def pardon(instance_id: UUID) -> Response:
    return _decided(instance_id, lambda reason: service.pardon(instance_id, reason))


@blp.post("/instances/<uuid:instance_id>/legal-hold")
@requires(Right.OPERATE)
def hold(instance_id: UUID) -> Response:
    return _decided(instance_id, lambda reason: ending.hold(service.held(instance_id), reason))


@blp.post("/instances/<uuid:instance_id>/legal-hold/lift")
@requires(Right.OPERATE)
def lift_hold(instance_id: UUID) -> Response:
    return _decided(instance_id, lambda reason: ending.release(service.held(instance_id), reason))


def _decided(instance_id: UUID, decide: Callable[[str], object]) -> Response:
    wanted = browser.form(DecisionRequest)
    with transaction():
        decide(wanted["reason"])
    return redirect(url_for("instances.one", instance_id=instance_id), HTTPStatus.SEE_OTHER)


@blp.post("/jobs/<uuid:job_id>/cancel")
@requires(Right.OPERATE)
def cancel(job_id: UUID) -> Response:
    """Here and not with the jobs, as is `resolve`, since it moves the instance."""
    wanted = browser.form(CancelRequest)
    with transaction():
        state = service.cancel(job_id, wanted["reason"]).state
    flash(_of_cancel(state))
    return redirect(url_for("jobs.one", job_id=job_id), HTTPStatus.SEE_OTHER)


def _of_cancel(state: JobState) -> str:
    said = {
        JobState.CANCELLED: gettext("The job is cancelled."),
        JobState.NEEDS_ATTENTION: gettext(
            "The job will not run again. An earlier attempt may have left something: please look."
        ),
    }
    return str(said.get(state) or gettext("The worker has been asked to stop the job."))


@blp.post("/jobs/<uuid:job_id>/resolve")
@requires(Right.OPERATE)
def resolve(job_id: UUID) -> Response:
    wanted = browser.form(ResolveRequest)
    with transaction():
        service.resolve(job_id, wanted["resolution"], wanted["reason"])
    return redirect(url_for("jobs.one", job_id=job_id), HTTPStatus.SEE_OTHER)


@blp.app_template_global()
def instances_of(administration_id: UUID, as_of: datetime | None = None) -> Sequence[Any]:
    """For the page of an administration, whose room stands below."""
    return queries.of_administration(administration_id, as_of)


@blp.app_template_global()
def release_counts(app_id: UUID) -> dict[UUID, int]:
    """For the page of an app, whose room stands below."""
    return queries.release_counts(app_id)


@blp.app_template_global()
def instances_by_id(ids: Iterable[UUID]) -> dict[UUID, Any]:
    """For pages about jobs, whose room stands below."""
    return queries.by_ids(ids)
