"""The pages of the servers."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from provisioner.accounts import browser
from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.config import settings
from provisioner.db import transaction
from provisioner.errors import DomainError, Invalid
from provisioner.estate import preparing, queries, service
from provisioner.estate.drain_schemas import obstacles
from provisioner.estate.schemas import HostChangeForm, HostForm, PrepareForm, TurnForm
from provisioner.hosts import service as registry
from provisioner.hosts.models import Connection, Host, HostState
from provisioner.instances import queries as instances
from provisioner.listing import ListQuery, asked, taken
from provisioner.presentation import language

blp = Blueprint("hosts", __name__, url_prefix="/hosts")

Given = Mapping[str, Any]


@blp.get("")
@requires(Right.VIEW)
def every() -> str:
    return render_template("hosts/list.html", standings=queries.every())


@blp.get("/<name>")
@requires(Right.VIEW)
def one(name: str) -> str:
    standing = queries.by_name(name)
    page = instances.find(instances.Filter(host=name), taken(asked(ListQuery)), language())
    others = [state for state in HostState if state is not standing.host.state]
    return render_template(
        "hosts/one.html",
        host=standing.host,
        used=standing.used,
        drain=standing.drain,
        obstacles=obstacles(standing.drain) if standing.drain else [],
        page=page,
        others=others,
        preparation=preparing.state(name),
        by_ssh=standing.host.connection is Connection.SSH,
    )


@blp.get("/new")
@requires(Right.ADMINISTER)
def new() -> str:
    return _form(None, {"country": settings().country, "port": 22, "slots": 4})


@blp.post("")
@requires(Right.ADMINISTER)
def add() -> Response | tuple[str, int]:
    try:
        with transaction():
            host = registry.add(browser.form(HostForm))
    except DomainError as refused:
        return _form(None, request.form, refused), refused.status
    flash(gettext("The server is registered. It gets instances when it is prepared."))
    return _to(host.name)


@blp.get("/<name>/change")
@requires(Right.ADMINISTER)
def changing(name: str) -> str:
    host = queries.by_name(name).host
    return _form(host, _known(host))


@blp.post("/<name>/change")
@requires(Right.ADMINISTER)
def change(name: str) -> Response | tuple[str, int]:
    try:
        with transaction():
            changes = browser.form(HostChangeForm)
            service.change(name, changes, changes.pop("reason"))
    except DomainError as refused:
        return _form(queries.by_name(name).host, request.form, refused), refused.status
    flash(gettext("The changes are saved."))
    return _to(name)


@blp.post("/<name>/preparation")
@requires(Right.ADMINISTER)
def prepare(name: str) -> Response:
    given = browser.form(PrepareForm)
    with transaction():
        preparing.ask(name, **given)
    flash(gettext("It is asked for. A worker of its site prepares the server; this page tells when it is done."))
    return _to(name)


@blp.post("/<name>/state")
@requires(Right.ADMINISTER)
def turn(name: str) -> Response:
    given = browser.form(TurnForm)
    with transaction():
        service.turn(name, given["state"], given["reason"])
    flash(gettext("The changes are saved."))
    return _to(name)


def _known(host: Host) -> Given:
    """What stands in the fields of a host."""
    plain = {name: getattr(host, name) for name in ("address", "site", "country", "slots")}
    limits = {name: getattr(host, name) or "" for name in ("memory_mb", "disk_mb")}
    return {**plain, **limits, "labels": ", ".join(host.labels), **host.facts.get("ssh", {})}


def _form(host: Host | None, given: Given, refused: DomainError | None = None) -> str:
    """Its refusal stands at the fields to blame, or at its top where none is."""
    errors = browser.faults(refused) if isinstance(refused, Invalid) else {}
    refusal = gettext(refused.message, **refused.details) if refused and not errors else ""
    by_ssh = host is None or host.connection is Connection.SSH
    return render_template("hosts/form.html", host=host, given=given, errors=errors, refusal=refusal, by_ssh=by_ssh)


def _to(name: str) -> Response:
    return redirect(url_for("hosts.one", name=name), HTTPStatus.SEE_OTHER)
