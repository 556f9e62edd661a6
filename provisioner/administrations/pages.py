"""Pages of the register: the list, one administration over time, and the forms that change it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from provisioner.accounts import browser
from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.administrations import queries, search, service
from provisioner.administrations.kinds import Kind, Language, NameType
from provisioner.administrations.schemas import (
    AdministrationForm,
    AdministrationsQuery,
    CodeRequest,
    EditForm,
    NameRequest,
)
from provisioner.administrations.service import NewAdministration, NewCode, NewName
from provisioner.db import transaction
from provisioner.errors import Invalid
from provisioner.listing import AsOfQuery, asked, filters, taken
from provisioner.presentation import language, localised

blp = Blueprint("administrations", __name__)

Errors = dict[str, list[str]]  # by field


@blp.get("/administrations")
@requires(Right.VIEW)
def every() -> str:
    wanted = asked(AdministrationsQuery)
    which, as_of = replace(taken(wanted), with_total=True), wanted.pop("as_of")
    return render_template(
        "administrations/list.html",
        page=search.find(search.meant(**wanted), which, language(), as_of),
        given=filters(),
        as_of=as_of,
        kinds=Kind,
        regions=[(each.slug, localised(each.names)) for each in queries.regions()],
    )


@blp.get("/administrations/<uuid:administration_id>")
@requires(Right.VIEW)
def one(administration_id: UUID) -> str:
    as_of = asked(AsOfQuery)["as_of"]
    administration = queries.by_id(administration_id, as_of)
    return render_template(
        "administrations/one.html",
        administration=administration,
        as_of=as_of,
        above=queries.path(administration_id, as_of),
        links=queries.links(administration),
        children=queries.children(administration_id),
        names=queries.names_over_time(administration_id),
        codes=queries.identifiers_over_time(administration_id),
    )


@blp.get("/administrations/new")
@requires(Right.ADMINISTER)
def new() -> str:
    return _new_form({})


@blp.post("/administrations")
@requires(Right.ADMINISTER)
def register() -> Response:
    def entered() -> UUID:
        return service.register(NewAdministration(**browser.form(AdministrationForm))).id

    return _done(entered, _new_form, gettext("The administration is registered."))


def _new_form(errors: Errors) -> str:
    return render_template("administrations/new.html", errors=errors, given=request.form, kinds=Kind)


@blp.get("/administrations/<uuid:administration_id>/edit")
@requires(Right.ADMINISTER)
def editing(administration_id: UUID) -> str:
    return _edit_form(administration_id, {})


@blp.post("/administrations/<uuid:administration_id>/edit")
@requires(Right.ADMINISTER)
def edit(administration_id: UUID) -> Response:
    def edited() -> UUID:
        changes = browser.form(EditForm)
        return service.edit(administration_id, changes, changes.pop("version")).id

    return _done(edited, partial(_edit_form, administration_id), gettext("The changes are saved."))


def _edit_form(administration_id: UUID, errors: Errors) -> str:
    known = queries.by_id(administration_id)
    links = {link: each.slug for link, each in queries.links(known).items()}
    given = request.form or {"kind": known.kind, "slug": known.slug, "version": known.version, **links}
    return render_template("administrations/edit.html", administration=known, errors=errors, given=given, kinds=Kind)


@blp.get("/administrations/<uuid:administration_id>/names")
@requires(Right.ADMINISTER)
def naming(administration_id: UUID) -> str:
    return _name_form(administration_id, {})


@blp.post("/administrations/<uuid:administration_id>/names")
@requires(Right.ADMINISTER)
def rename(administration_id: UUID) -> Response:
    def renamed() -> UUID:
        return service.rename(administration_id, NewName(**browser.form(NameRequest))).id

    return _done(renamed, partial(_name_form, administration_id), gettext("The name is given; the one before is kept."))


def _name_form(administration_id: UUID, errors: Errors) -> str:
    known = queries.by_id(administration_id)
    lists = {"languages": Language, "types": NameType}
    return render_template(
        "administrations/name.html", administration=known, errors=errors, given=request.form, **lists
    )


@blp.get("/administrations/<uuid:administration_id>/codes")
@requires(Right.ADMINISTER)
def coding(administration_id: UUID) -> str:
    return _code_form(administration_id, {})


@blp.post("/administrations/<uuid:administration_id>/codes")
@requires(Right.ADMINISTER)
def identify(administration_id: UUID) -> Response:
    def identified() -> UUID:
        return service.identify(administration_id, NewCode(**browser.form(CodeRequest))).id

    return _done(
        identified, partial(_code_form, administration_id), gettext("The code is given; the one before is kept.")
    )


def _code_form(administration_id: UUID, errors: Errors) -> str:
    known = queries.by_id(administration_id)
    return render_template("administrations/code.html", administration=known, errors=errors, given=request.form)


def _done(verb: Callable[[], UUID], form: Callable[[Errors], str], said: str) -> Response:
    """Carry out the verb and show the administration; or its form again, with what is wrong."""
    try:
        with transaction():
            administration_id = verb()
    except Invalid as refused:
        return make_response(form(_by_field(refused)), HTTPStatus.UNPROCESSABLE_ENTITY)
    flash(said)
    return redirect(url_for(".one", administration_id=administration_id), HTTPStatus.SEE_OTHER)


def _by_field(refused: Invalid) -> Errors:
    """A field is called by the whole pointer: names/fr, not names."""
    errors: Errors = {}
    for fault in refused.errors:
        errors.setdefault(fault["pointer"].removeprefix("/"), []).append(fault["detail"])
    return errors
