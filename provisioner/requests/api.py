"""The API of requests: every action on an instance is asked for here."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

from flask import Response, url_for
from flask_smorest import Blueprint
from marshmallow import Schema

from provisioner.accounts.doors import View, requires
from provisioner.accounts.policy import Right
from provisioner.administrations import queries as administrations
from provisioner.db import Json, transaction
from provisioner.instances.beginning import Outcome
from provisioner.instances.lifecycle import Action
from provisioner.instances.schemas import meant
from provisioner.jobs import queries as jobs
from provisioner.jobs.schemas import JobView
from provisioner.listing import IN_QUERY, DryRunQuery, answered, page_of, taken
from provisioner.paging import PageRequest
from provisioner.requests import queries, service
from provisioner.requests.answering import ACCEPTED, JOB_HEADERS, OK, once, sent
from provisioner.requests.idempotency import Answer
from provisioner.requests.schemas import (
    ActRequest,
    AskingHeaders,
    CheckRequest,
    ManyRequest,
    ManyView,
    MoveRequest,
    NewInstanceRequest,
    OfBackupRequest,
    OutcomesQuery,
    OutcomeView,
    PlanView,
    ReconfigureRequest,
    RemoveRequest,
    RequestDetailView,
    RequestsQuery,
    RequestView,
    RotateRequest,
    UpdateRequest,
)
from provisioner.requests.service import Accepted, NewInstance, Selection

blp = Blueprint("requests_api", __name__, url_prefix="/api/v1", description="Asking for instances and for actions")

REQUEST_HEADERS = {"Location": {"description": "The request.", "schema": {"type": "string"}}}


def _accepting(body: type[Schema]) -> Callable[[View], View]:
    """What all doors have in common that ask for an action: what comes in, and that a job goes out."""

    def door(view: View) -> View:
        view = blp.alt_response(
            OK, schema=PlanView, description="The plan, after a dry run; or that there is nothing to do", success=True
        )(view)
        view = blp.response(ACCEPTED, JobView, headers=JOB_HEADERS)(view)
        view = blp.arguments(DryRunQuery, **IN_QUERY)(blp.arguments(body)(view))
        return cast("View", blp.arguments(AskingHeaders, location="headers")(view))

    return door


@blp.route("/requests")
@requires(Right.VIEW)
@blp.arguments(RequestsQuery, **IN_QUERY)
@blp.response(200, page_of(RequestView))
def requests(given: Json) -> Any:
    """Requests, the newest first."""
    which = taken(given)
    return answered(queries.find(which, scheduled=given.get("scheduled")))


@blp.route("/requests/<uuid:request_id>")
@requires(Right.VIEW)
@blp.response(200, RequestDetailView)
def one_request(request_id: UUID) -> Any:
    """One request with its frozen plan, and how many instances what came of it for."""
    found = queries.by_id(request_id)
    kept = {"plan": queries.plan(request_id), "outcomes": queries.counts(request_id)}
    return {**found._mapping, **kept}  # noqa: SLF001 - how a row is read by name


@blp.route("/requests/<uuid:request_id>/outcomes")
@requires(Right.VIEW)
@blp.arguments(OutcomesQuery, **IN_QUERY)
@blp.response(200, page_of(OutcomeView))
def outcomes(given: Json, request_id: UUID) -> Any:
    """What came of the request for each instance: a job, nothing to do, or a refusal."""
    queries.by_id(request_id)
    which = taken(given)
    return answered(queries.outcomes(request_id, given["outcome"], which))


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


@blp.route("/instances/<uuid:instance_id>/reconfigure", methods=["POST"])
@requires(Right.OPERATE)
@_accepting(ReconfigureRequest)
def reconfigure(given: Json, how: Json, wanted: Json, instance_id: UUID) -> Response:
    """Bring files and configuration to what they should be, perhaps with other settings, on the release that it has."""
    return _asked(given, how, lambda: service.ask(instance_id, Action.RECONFIGURE, **wanted))


@blp.route("/instances/<uuid:instance_id>/rotate", methods=["POST"])
@requires(Right.OPERATE)
@_accepting(RotateRequest)
def rotate(given: Json, how: Json, wanted: Json, instance_id: UUID) -> Response:
    """Give the instance new secrets; if that does not succeed, it keeps those that it has."""
    return _asked(given, how, lambda: service.ask(instance_id, Action.ROTATE, **wanted))


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


@blp.route("/instances/<uuid:instance_id>/suspend", methods=["POST"])
@requires(Right.OPERATE)
@_accepting(ActRequest)
def suspend(given: Json, how: Json, wanted: Json, instance_id: UUID) -> Response:
    """Let a notice in three languages take the place of the service. The data stays."""
    return _asked(given, how, lambda: service.ask(instance_id, Action.SUSPEND, **wanted))


@blp.route("/instances/<uuid:instance_id>/resume", methods=["POST"])
@requires(Right.OPERATE)
@_accepting(ActRequest)
def resume(given: Json, how: Json, wanted: Json, instance_id: UUID) -> Response:
    """Let the service take the place of its notice again. This calls off a removal."""
    return _asked(given, how, lambda: service.ask(instance_id, Action.RESUME, **wanted))


@blp.route("/instances/<uuid:instance_id>/back-up", methods=["POST"])
@requires(Right.OPERATE)
@_accepting(CheckRequest)
def back_up(given: Json, how: Json, wanted: Json, instance_id: UUID) -> Response:
    """Put a backup into the store, encrypted, and read it back from there. The service goes on."""
    return _asked(given, how, lambda: service.ask(instance_id, Action.BACK_UP, **wanted))


@blp.route("/instances/<uuid:instance_id>/restore", methods=["POST"])
@requires(Right.OPERATE)
@_accepting(OfBackupRequest)
def restore(given: Json, how: Json, wanted: Json, instance_id: UUID) -> Response:
    """Bring the instance to a backup, its release included; what came into it since is lost."""
    return _asked(given, how, lambda: service.ask(instance_id, Action.RESTORE, **wanted))


@blp.route("/instances/<uuid:instance_id>/drill", methods=["POST"])
@requires(Right.OPERATE)
@_accepting(OfBackupRequest)
def drill(given: Json, how: Json, wanted: Json, instance_id: UUID) -> Response:
    """Prove a backup: a copy is restored beside the instance, served, read and erased."""
    return _asked(given, how, lambda: service.ask(instance_id, Action.DRILL, **wanted))


@blp.route("/instances/<uuid:instance_id>/move", methods=["POST"])
@requires(Right.OPERATE)
@_accepting(MoveRequest)
def move(given: Json, how: Json, wanted: Json, instance_id: UUID) -> Response:
    """Bring the instance to another host, by way of the store; if that does not succeed, it goes on where it is."""
    return _asked(given, how, lambda: service.ask(instance_id, Action.MOVE, **wanted))


@blp.route("/instances/<uuid:instance_id>/remove", methods=["POST"])
@requires(Right.OPERATE)
@_accepting(RemoveRequest)
def remove(given: Json, how: Json, wanted: Json, instance_id: UUID) -> Response:
    """Suspend the instance now and erase it when the grace period is over, after a last backup."""
    return _asked(given, how, lambda: service.ask(instance_id, Action.REMOVE, **wanted))


@blp.route("/instances/actions", methods=["POST"])
@requires(Right.OPERATE)
@blp.arguments(AskingHeaders, location="headers")
@blp.arguments(ManyRequest)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.response(ACCEPTED, ManyView, headers=REQUEST_HEADERS)
@blp.alt_response(OK, schema=ManyView, description="What would come of it, after a dry run", success=True)
def act_on_many(given: Json, wanted: Json, how: Json) -> Response:
    """Ask for the same action on up to 20,000 instances of an app. One that is refused does not hinder the others."""
    where = wanted.pop("where", None)
    which = Selection(wanted.pop("app"), wanted.pop("instances", ()), None if where is None else meant(where))
    if how["dry_run"]:
        with transaction(dry_run=True):
            return sent(replace(_of_many(service.ask_many(which, **wanted).id), status=OK, location=None))
    return once(given, lambda: _of_many(service.ask_many(which, **wanted).id))


def _of_many(request_id: UUID) -> Answer:
    view, first = OutcomeView(many=True), PageRequest()
    lists = {
        each.value: view.dump(queries.outcomes(request_id, each, first).rows)
        for each in (Outcome.UNCHANGED, Outcome.REFUSED)
    }
    body = {"request_id": str(request_id), "counts": queries.counts(request_id), **lists}
    return Answer(ACCEPTED, body, url_for("requests_api.one_request", request_id=request_id))


def _asked(given: Json, how: Json, ask: Callable[[], Accepted | None]) -> Response:
    if how["dry_run"]:
        with transaction(dry_run=True):
            return sent(_planned(ask()))
    return once(given, lambda: _job(ask()))


NOTHING_TO_DO = Answer(OK, {"unchanged": True})


def _planned(accepted: Accepted | None) -> Answer:
    if accepted is None:
        return NOTHING_TO_DO
    return Answer(OK, {"plan": accepted.request.plan, "digest": accepted.request.digest})


def _job(accepted: Accepted | None) -> Answer:
    if accepted is None:
        return NOTHING_TO_DO
    job_id = accepted.job.id
    return Answer(ACCEPTED, dict(JobView().dump(jobs.detail(job_id))), url_for("jobs_api.job", job_id=job_id))
