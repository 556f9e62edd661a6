"""The API of requests: every action on an instance is asked for here."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from flask import Response, jsonify, request, url_for
from flask_smorest import Blueprint
from marshmallow import Schema

from provisioner.accounts.doors import View, principal, requires
from provisioner.accounts.policy import Right
from provisioner.administrations import queries as administrations
from provisioner.db import Json, transaction
from provisioner.errors import DomainError
from provisioner.instances.lifecycle import Action
from provisioner.jobs import queries as jobs
from provisioner.jobs.schemas import JobView
from provisioner.listing import IN_QUERY, DryRunQuery, ListQuery, answered, page_of, taken
from provisioner.requests import queries, service
from provisioner.requests.idempotency import Answer, NoKey, key, once
from provisioner.requests.schemas import (
    ActRequest,
    AskingHeaders,
    CheckRequest,
    NewInstanceRequest,
    PlanView,
    RequestDetailView,
    RequestView,
    UpdateRequest,
)
from provisioner.requests.service import Accepted, NewInstance
from provisioner.web import PROBLEM, answer

blp = Blueprint("requests_api", __name__, url_prefix="/api/v1", description="Asking for instances and for actions")

ACCEPTED, OK = 202, 200
FIRST_LOOK = "1"  # seconds after which it makes sense to ask how the job is
JOB_HEADERS = {
    "Location": {"description": "The job.", "schema": {"type": "string"}},
    "Operation-Location": {"description": "The job.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds until the first look.", "schema": {"type": "integer"}},
    "Idempotent-Replayed": {"description": "`true`: this is the answer of before.", "schema": {"type": "string"}},
}


def _accepting(body: type[Schema]) -> Callable[[View], View]:
    """What all doors have in common that ask for an action: what comes in, and that a job goes out."""

    def door(view: View) -> View:
        view = blp.alt_response(OK, schema=PlanView, description="The plan, after a dry run", success=True)(view)
        view = blp.response(ACCEPTED, JobView, headers=JOB_HEADERS)(view)
        view = blp.arguments(DryRunQuery, **IN_QUERY)(blp.arguments(body)(view))
        return cast("View", blp.arguments(AskingHeaders, location="headers")(view))

    return door


@blp.route("/requests")
@requires(Right.VIEW)
@blp.arguments(ListQuery, **IN_QUERY)
@blp.response(200, page_of(RequestView))
def requests(given: Json) -> Any:
    """Requests, the newest first."""
    return answered(queries.find(taken(given)))


@blp.route("/requests/<uuid:request_id>")
@requires(Right.VIEW)
@blp.response(200, RequestDetailView)
def one_request(request_id: UUID) -> Any:
    """One request with its frozen plan."""
    return queries.by_id(request_id)


@blp.route("/requests", methods=["POST"])
@requires(Right.OPERATE)
@_accepting(NewInstanceRequest)
def ask_for_instance(given: Json, how: Json, wanted: Json) -> Response:
    """Ask for an app for an administration."""
    return _asked(given, how, lambda: service.ask_for(_wish(wanted)))


def _wish(wanted: Json) -> NewInstance:
    whose = administrations.referred(wanted["administration"]).id
    return NewInstance(administration_id=whose, **{key: wanted[key] for key in wanted.keys() - {"administration"}})


@blp.route("/instances/<uuid:instance_id>/update", methods=["POST"])
@requires(Right.OPERATE)
@_accepting(UpdateRequest)
def update(given: Json, how: Json, wanted: Json, instance_id: UUID) -> Response:
    """Bring the instance to a newer release."""
    return _asked(given, how, lambda: service.ask(instance_id, Action.UPDATE, **wanted))


@blp.route("/instances/<uuid:instance_id>/check", methods=["POST"])
@requires(Right.OPERATE)
@_accepting(CheckRequest)
def check(given: Json, how: Json, wanted: Json, instance_id: UUID) -> Response:
    """Look at the instance on its host; change nothing."""
    return _asked(given, how, lambda: service.ask(instance_id, Action.CHECK, **wanted))


@blp.route("/instances/<uuid:instance_id>/provision", methods=["POST"])
@requires(Right.OPERATE)
@_accepting(ActRequest)
def provision(given: Json, how: Json, wanted: Json, instance_id: UUID) -> Response:
    """Try again to provision an instance whose first provisioning did not succeed."""
    return _asked(given, how, lambda: service.ask(instance_id, Action.PROVISION, **wanted))


def _asked(given: Json, how: Json, ask: Callable[[], Accepted]) -> Response:
    if how["dry_run"]:
        with transaction(dry_run=True):
            return _sent(_planned(ask()))
    if given["key"] is None and principal().token_id:
        raise NoKey
    with transaction():
        if given["key"] is None:
            return _sent(_job(ask()))
        call = key(principal().account_id, given["key"], [request.path, request.get_json()])
        return _sent(once(call, lambda: _job(ask()), _refused))


def _planned(accepted: Accepted) -> Answer:
    return Answer(OK, {"plan": accepted.request.plan, "digest": accepted.request.digest})


def _job(accepted: Accepted) -> Answer:
    job_id = accepted.job.id
    return Answer(ACCEPTED, dict(JobView().dump(jobs.detail(job_id))), url_for("jobs_api.job", job_id=job_id))


def _refused(error: DomainError) -> Answer:
    refusal = answer(error)
    return Answer(refusal.status_code, refusal.get_json())


def _sent(given: Answer) -> Response:
    response = jsonify(given.body)
    response.status_code = given.status
    if given.status not in {OK, ACCEPTED}:
        response.content_type = PROBLEM
    if given.location:
        response.headers.update({"Location": given.location, "Operation-Location": given.location})
        response.headers["Retry-After"] = FIRST_LOOK
    if given.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
