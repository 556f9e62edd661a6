"""Pages for asking: a new instance, step by step, an action on one that is there, and what was asked before."""

from collections import Counter
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from provisioner.accounts import browser
from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.administrations import queries as administrations, search
from provisioner.catalogue import parameters, queries as catalogue
from provisioner.catalogue.models import App
from provisioner.db import transaction
from provisioner.errors import DomainError, Invalid
from provisioner.instances import queries as instances
from provisioner.instances.lifecycle import Action, Environment
from provisioner.instances.schemas import meant
from provisioner.jobs import queries as jobs
from provisioner.listing import asked, filters, taken
from provisioner.paging import PageRequest
from provisioner.presentation import label, language
from provisioner.requests import queries, service
from provisioner.requests.schemas import ActForm, ManyForm, ManyQuery, NewInstanceRequest, OutcomesQuery, RequestsQuery
from provisioner.requests.service import Accepted, NewInstance, Selection
from provisioner.web import flatten

blp = Blueprint("requests", __name__)

FEW = PageRequest(size=20)
SETTING = "settings."  # what the names of an app's parameters begin with in its form
CHOSEN = {"action", "to", "reason"}  # beside the filters of a list
Given = Mapping[str, str]


@blp.get("/requests")
@requires(Right.VIEW)
def every() -> str:
    """Those of people; those of schedules, which are many, only on request."""
    wanted = asked(RequestsQuery)
    scheduled = wanted.pop("scheduled", False)
    page = queries.find(taken(wanted), scheduled=scheduled)
    about = instances.by_ids(row.instance_id for row in page.rows if row.instance_id)
    return render_template("requests/list.html", page=page, instances=about, scheduled=scheduled, given=filters())


@blp.get("/requests/<uuid:request_id>")
@requires(Right.VIEW)
def one(request_id: UUID) -> str:
    found = queries.by_id(request_id)
    wanted = asked(OutcomesQuery)
    which = taken(wanted)
    counts = queries.counts(request_id)
    outcomes = queries.outcomes(request_id, wanted["outcome"], which)
    app = catalogue.by_slug(found.app)
    single = sum(counts.values()) == 1 and found.instance_id
    return render_template(
        "requests/one.html",
        asked=found,
        app=app,
        plan=queries.plan(request_id) if single else None,
        instances=instances.by_ids({found.instance_id} if single else (row.instance_id for row in outcomes.rows)),
        releases={str(release.id): release.version for release in app.releases},
        counts=counts,
        outcomes=outcomes,
        jobs=jobs.find(jobs.Filter(request_id=request_id), PageRequest()),
    )


@blp.get("/requests/new")
@requires(Right.OPERATE)
def new() -> str:
    """The next step: the app, the administration, or the form itself."""
    slug, whose = request.args.get("app"), request.args.get("administration")
    app = catalogue.offered(slug) if slug else None
    administration = administrations.referred(whose) if whose else None
    if app and administration:
        return _form(app, administration)
    text = request.args.get("text", "")
    return render_template(
        "requests/new.html",
        app=app,
        administration=administration,
        apps=catalogue.apps(),
        text=text,
        found=search.find(search.Filter(text=text, closed=False), FEW, language()) if text else None,
    )


def _form(app: App, administration: Any, given: Given | None = None, refused: DomainError | None = None) -> str:
    mine = instances.of_administration(administration.id)
    there = [instance for instance in mine if instance.app == app.slug]
    taken_up = {instance.environment for instance in there}
    return render_template(
        "requests/new.html",
        app=app,
        administration=administration,
        there=there,
        environments=[environment for environment in Environment if environment not in taken_up],
        releases=_releases(app),
        given=given or {},
        **_faults(refused),
    )


@blp.post("/requests")
@requires(Right.OPERATE)
def ask() -> Response | tuple[str, int]:
    app = catalogue.offered(request.form.get("app", ""))
    administration = administrations.referred(request.form.get("administration", ""))
    try:
        wanted = _read(app)
        with transaction():
            wish = NewInstance(administration.id, **{key: wanted[key] for key in wanted.keys() - {"administration"}})
            job_id = service.ask_for(wish).job.id
    except DomainError as refused:
        return _form(app, administration, request.form, refused), refused.status
    return _to_job(job_id)


def _read(app: App) -> dict[str, Any]:
    """The form, as the API would get it; Invalid with the faults of all its fields at once."""
    typed = _typed(app)
    faults = flatten(NewInstanceRequest().validate(typed))
    try:
        parameters.validated(app.parameters, typed["settings"])
    except Invalid as refused:
        faults += refused.errors
    if faults:
        raise Invalid(errors=faults)
    wanted: dict[str, Any] = NewInstanceRequest().load(typed)
    return wanted


def _typed(app: App) -> dict[str, Any]:
    """An empty field is none; a box that was not ticked is a no."""
    fields = {name: text for name, text in request.form.items() if name != browser.FIELD and text}
    settings = {name.removeprefix(SETTING): fields.pop(name) for name in list(fields) if name.startswith(SETTING)}
    return {**fields, "settings": _unticked(app) | settings}


def _unticked(app: App) -> dict[str, Any]:
    return {each["name"]: False for each in app.parameters if each["type"] == "bool"}


def _releases(app: App) -> list[tuple[str, str]]:
    """Those that may be asked for, the newest first, each with what it is."""
    return [
        (each.version, f"{each.version} · {label(each.state, 'release')}") for each in reversed(catalogue.usable(app))
    ]


def _faults(refused: DomainError | None) -> dict[str, Any]:
    """What a form says of its refusal: at the fields to blame, or at its top where none is."""
    errors = _by_field(refused) if isinstance(refused, Invalid) else {}
    return {"errors": errors, "refusal": gettext(refused.message, **refused.details) if refused and not errors else ""}


def _by_field(refused: Invalid) -> dict[str, list[str]]:
    """The faults by the name of the control that they are about."""
    faults: dict[str, list[str]] = {}
    for fault in refused.errors:
        faults.setdefault(fault["pointer"].strip("/").replace("/", "."), []).append(fault["detail"])
    return faults


@blp.post("/instances/<uuid:instance_id>/actions")
@requires(Right.OPERATE)
def act(instance_id: UUID) -> Response:
    wanted = browser.form(ActForm)
    return _begun(instance_id, lambda: service.ask(instance_id, **wanted))


@blp.get("/instances/<uuid:instance_id>/settings")
@requires(Right.OPERATE)
def settings(instance_id: UUID) -> str:
    """The form in which an instance is given other settings."""
    return _settings_form(instance_id)


def _settings_form(instance_id: UUID, given: Given | None = None, refused: DomainError | None = None) -> str:
    instance = instances.detail(instance_id)
    return render_template(
        "requests/settings.html",
        instance=instance,
        parameters=catalogue.by_slug(instance.app).parameters,
        given=given or {f"{SETTING}{name}": value for name, value in instance.settings.items()},
        **_faults(refused),
    )


@blp.post("/instances/<uuid:instance_id>/settings")
@requires(Right.OPERATE)
def reconfigure(instance_id: UUID) -> Response | tuple[str, int]:
    app = catalogue.by_slug(instances.detail(instance_id).app)
    typed = {name: text for name, text in request.form.items() if name.startswith(SETTING)}
    values = _unticked(app) | {name.removeprefix(SETTING): text for name, text in typed.items()}
    try:
        reason = request.form.get("reason", "")
        if not reason:
            raise Invalid(errors=[{"pointer": "/reason", "detail": "This is needed."}])
        return _begun(instance_id, lambda: service.ask(instance_id, Action.RECONFIGURE, reason, settings=values))
    except DomainError as refused:
        return _settings_form(instance_id, request.form, refused), refused.status


def _begun(instance_id: UUID, ask: Callable[[], Accepted | None]) -> Response:
    with transaction():
        accepted = ask()
        job_id = accepted.job.id if accepted else None
    if job_id:
        return _to_job(job_id)
    flash(gettext("Everything is already as it should be: there is nothing to do."), "calm")
    return redirect(url_for("instances.one", instance_id=instance_id), HTTPStatus.SEE_OTHER)


@blp.get("/requests/many")
@requires(Right.OPERATE)
def many() -> str:
    """What an action would come to on all instances that the filters find."""
    wanted = asked(ManyQuery)
    return _preview(wanted, filters())


def _preview(wanted: dict[str, Any], given: Given, refused: DomainError | None = None) -> str:
    app = catalogue.by_slug(wanted["app"])
    action, to = wanted["action"], wanted["to"]
    verdicts = []
    if action and not refused:
        try:
            with transaction(dry_run=True):
                verdicts = service.foreseen(_selection(wanted), action, to)
        except DomainError as error:
            refused = error
    return render_template(
        "requests/many.html",
        app=app,
        given=given,
        listed={name: text for name, text in given.items() if name not in CHOSEN | {browser.FIELD}},
        actions=[each for each in service.FOR_MANY if each in app.manifest["actions"]],
        releases=_releases(app),
        action=action,
        counts=Counter(verdict.outcome for verdict in verdicts),
        refusals=Counter(verdict.refusal.code for verdict in verdicts if verdict.refusal),
        **_faults(refused),
    )


def _selection(wanted: dict[str, Any]) -> Selection:
    return Selection(wanted["app"], where=meant({key: wanted[key] for key in wanted.keys() - CHOSEN - {"app"}}))


@blp.post("/requests/many")
@requires(Right.OPERATE)
def ask_many() -> Response | tuple[str, int]:
    wanted = browser.form(ManyForm)
    try:
        with transaction():
            made = service.ask_many(_selection(wanted), wanted["action"], wanted["reason"], wanted["to"]).id
    except DomainError as refused:
        return _preview(wanted, {name: text for name, text in request.form.items() if text}, refused), refused.status
    flash(gettext("It is asked for. You can follow here how it is carried out."))
    return redirect(url_for("requests.one", request_id=made), HTTPStatus.SEE_OTHER)


def _to_job(job_id: UUID) -> Response:
    flash(gettext("It is asked for. You can follow here how it is carried out."))
    return redirect(url_for("jobs.one", job_id=job_id), HTTPStatus.SEE_OTHER)
