"""Pages for asking: a new instance, step by step, an action on one that is there, and what was asked before."""

from collections.abc import Mapping
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
from provisioner.instances.lifecycle import Environment
from provisioner.jobs import queries as jobs
from provisioner.listing import ListQuery, asked, taken
from provisioner.paging import PageRequest
from provisioner.presentation import label, language
from provisioner.requests import queries, service
from provisioner.requests.schemas import ActForm, NewInstanceRequest
from provisioner.requests.service import NewInstance
from provisioner.web import flatten

blp = Blueprint("requests", __name__)

FEW = PageRequest(size=20)
SETTING = "settings."  # what the names of an app's parameters begin with in its form
Given = Mapping[str, str]


@blp.get("/requests")
@requires(Right.VIEW)
def every() -> str:
    page = queries.find(taken(asked(ListQuery)))
    about = instances.by_ids(row.instance_id for row in page.rows)
    return render_template("requests/list.html", page=page, instances=about)


@blp.get("/requests/<uuid:request_id>")
@requires(Right.VIEW)
def one(request_id: UUID) -> str:
    found = queries.by_id(request_id)
    app = catalogue.by_slug(found.app)
    about = instances.by_ids(UUID(each["id"]) for each in found.plan["instances"])
    return render_template(
        "requests/one.html",
        asked=found,
        app=app,
        instances={str(instance_id): row for instance_id, row in about.items()},
        releases={str(release.id): release.version for release in app.releases},
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
    usable = reversed(catalogue.usable(app))
    return render_template(
        "requests/new.html",
        app=app,
        administration=administration,
        there=there,
        environments=[environment for environment in Environment if environment not in taken_up],
        releases=[(each.version, f"{each.version} · {label(each.state, 'release')}") for each in usable],
        given=given or {},
        errors=_by_field(refused) if isinstance(refused, Invalid) else {},
        refusal=gettext(refused.message, **refused.details) if refused and not isinstance(refused, Invalid) else "",
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
    unticked = {each["name"]: False for each in app.parameters if each["type"] == "bool"}
    return {**fields, "settings": unticked | settings}


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
    with transaction():
        job_id = service.ask(instance_id, **wanted).job.id
    return _to_job(job_id)


def _to_job(job_id: UUID) -> Response:
    flash(gettext("It is asked for. You can follow here how it is carried out."))
    return redirect(url_for("jobs.one", job_id=job_id), HTTPStatus.SEE_OTHER)
