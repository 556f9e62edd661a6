"""The API of hosts: the register, and where instances go."""

from http import HTTPStatus
from typing import Any

from flask import url_for
from flask_smorest import Blueprint

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.catalogue import queries as catalogue
from provisioner.db import transaction
from provisioner.errors import NotFound
from provisioner.estate import preparing, queries, service
from provisioner.estate.schemas import (
    HostPatch,
    HostRequest,
    HostsView,
    HostView,
    OutlookQuery,
    OutlookView,
    PreparationView,
    PrepareRequest,
    ProposalsView,
)
from provisioner.hosts import service as hosts
from provisioner.hosts.service import NewHost
from provisioner.listing import IN_QUERY, DryRunQuery

blp = Blueprint("hosts_api", __name__, url_prefix="/api/v1/hosts", description="The servers that instances run on")


@blp.route("")
@requires(Right.VIEW)
@blp.response(200, HostsView)
def every() -> dict[str, Any]:
    """All hosts, by name."""
    return {"items": [standing.facts for standing in queries.every()], "next": None}


@blp.route("", methods=["POST"])
@requires(Right.ADMINISTER)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(HostRequest)
@blp.response(201, HostView)
def add(how: dict[str, Any], wanted: NewHost) -> Any:
    """Enter a server that is reached by SSH. A dry run answers 200 with what would be entered."""
    with transaction(**how):
        body = queries.by_name(hosts.add(wanted).name).facts
    if how["dry_run"]:
        return body, HTTPStatus.OK
    return body, HTTPStatus.CREATED, {"Location": url_for(".one", name=wanted.name)}


@blp.route("/<name>")
@requires(Right.VIEW)
@blp.response(200, HostView)
def one(name: str) -> Any:
    """One host, and how much of it is taken."""
    return queries.by_name(name).facts


@blp.route("/<name>", methods=["PATCH"])
@requires(Right.ADMINISTER)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(HostPatch)
@blp.response(200, HostView)
def change(how: dict[str, Any], changes: dict[str, Any], name: str) -> Any:
    """Change what is known of a host, or its state."""
    with transaction(**how):
        service.change(name, changes, changes.pop("reason"))
        return queries.by_name(name).facts


@blp.route("/<name>/preparation")
@requires(Right.VIEW)
@blp.response(200, PreparationView)
def preparation(name: str) -> Any:
    """The newest preparation of a host."""
    return _preparation(name)


@blp.route("/<name>/preparation", methods=["POST"])
@requires(Right.ADMINISTER)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(PrepareRequest)
@blp.response(202, PreparationView)
def prepare(how: dict[str, Any], wanted: dict[str, Any], name: str) -> Any:
    """Let a worker of its site make a host fit for instances. Harmless to repeat."""
    with transaction(**how):
        preparing.ask(name, **wanted)
        return _preparation(name)


def _preparation(name: str) -> Any:
    found = preparing.state(name)
    if found is None:
        raise NotFound(kind="preparation", key=name)
    return {each: getattr(found, each) for each in PreparationView().fields}


@blp.route("/placement")
@requires(Right.VIEW)
@blp.arguments(OutlookQuery, **IN_QUERY)
@blp.response(200, OutlookView)
def foresee(given: dict[str, Any]) -> Any:
    """Where so many more instances of an app would go, and what would stop the next one; nothing is changed."""
    return queries.outlook(catalogue.offered(given["app"]), given["count"])


@blp.route("/rebalance")
@requires(Right.VIEW)
@blp.response(200, ProposalsView)
def balance() -> dict[str, Any]:
    """Moves that would even out the use of memory and empty what shall be empty; nothing is changed."""
    return {"items": queries.balance(), "next": None}
