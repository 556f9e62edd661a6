"""The API of the register: lists, one administration with its history, and the verbs that change it."""

from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import url_for
from flask_smorest import Blueprint

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.administrations import queries, search, service
from provisioner.administrations.schemas import (
    AdministrationDetailView,
    AdministrationRequest,
    AdministrationsQuery,
    AdministrationView,
    CodeRequest,
    EditRequest,
    NameRequest,
)
from provisioner.administrations.service import NewAdministration, NewCode, NewName
from provisioner.db import Json, transaction
from provisioner.listing import IN_QUERY, AsOfQuery, DryRunQuery, answered, page_of, taken
from provisioner.presentation import language

blp = Blueprint(
    "administrations_api", __name__, url_prefix="/api/v1/administrations", description="The register of administrations"
)


@blp.route("")
@requires(Right.VIEW)
@blp.arguments(AdministrationsQuery, **IN_QUERY)
@blp.response(200, page_of(AdministrationView))
def administrations(given: dict[str, Any]) -> Any:
    """Administrations by their name in the reader's language; with a text, who has this very code comes first."""
    which, as_of = taken(given), given.pop("as_of")
    return answered(search.find(search.meant(**given), which, language(), as_of))


@blp.route("", methods=["POST"])
@requires(Right.ADMINISTER)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(AdministrationRequest)
@blp.response(201, AdministrationDetailView)
def register(how: dict[str, Any], wanted: dict[str, Any]) -> Any:
    """Enter an administration. A dry run answers 200 with what would be entered."""
    with transaction(**how):
        entered = service.register(NewAdministration(**wanted))
        body = queries.detail(entered.id)
    if how["dry_run"]:
        return body, HTTPStatus.OK
    return body, HTTPStatus.CREATED, {"Location": url_for(".administration", administration_id=entered.id)}


@blp.route("/<uuid:administration_id>")
@requires(Right.VIEW)
@blp.etag
@blp.arguments(AsOfQuery, **IN_QUERY)
@blp.response(200, AdministrationDetailView)
def administration(given: dict[str, Any], administration_id: UUID) -> Json:
    """One administration, now or as it was, with all names and codes it ever had."""
    found = queries.detail(administration_id, given["as_of"])
    blp.set_etag(_state(found["version"], given["as_of"]))
    return found


@blp.route("/<uuid:administration_id>", methods=["PATCH"])
@requires(Right.ADMINISTER)
@blp.etag
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(EditRequest)
@blp.response(200, AdministrationDetailView)
def edit(how: dict[str, Any], changes: dict[str, Any], administration_id: UUID) -> Json:
    """Change kind, label and links. `If-Match` says what was seen of it; names and codes have paths of their own."""
    seen = queries.by_id(administration_id).version
    blp.check_etag(_state(seen))
    with transaction(**how):
        service.edit(administration_id, changes, seen)
        return _changed(administration_id)


@blp.route("/<uuid:administration_id>/names", methods=["POST"])
@requires(Right.ADMINISTER)
@blp.etag
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(NameRequest)
@blp.response(200, AdministrationDetailView)
def rename(how: dict[str, Any], wanted: dict[str, Any], administration_id: UUID) -> Json:
    """Give it a name. The one before it ends and stays in the history."""
    with transaction(**how):
        service.rename(administration_id, NewName(**wanted))
        return _changed(administration_id)


@blp.route("/<uuid:administration_id>/identifiers", methods=["POST"])
@requires(Right.ADMINISTER)
@blp.etag
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(CodeRequest)
@blp.response(200, AdministrationDetailView)
def identify(how: dict[str, Any], wanted: dict[str, Any], administration_id: UUID) -> Json:
    """Give it a code. The one before it in the same scheme ends and stays in the history."""
    with transaction(**how):
        service.identify(administration_id, NewCode(**wanted))
        return _changed(administration_id)


def _changed(administration_id: UUID) -> Json:
    found = queries.detail(administration_id)
    blp.set_etag(_state(found["version"]))
    return found


def _state(version: int, as_of: datetime | None = None) -> list[str]:
    """What the ETag is drawn from."""
    return [str(version), str(as_of)]
