"""The API of findings: how what hosts have differs from the register, and what people decide about it."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Response, url_for
from flask_smorest import Blueprint

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.db import Json, transaction
from provisioner.findings import deciding, queries, service
from provisioner.findings.queries import Filter
from provisioner.findings.schemas import FindingDecision, FindingsQuery, FindingView, IgnoreFinding, SurveyView
from provisioner.listing import IN_QUERY, DryRunQuery, answered, page_of, taken
from provisioner.requests.answering import ACCEPTED, JOB_HEADERS, OK, once, sent
from provisioner.requests.idempotency import Answer
from provisioner.requests.schemas import AskingHeaders

blp = Blueprint("findings_api", __name__, url_prefix="/api/v1", description="What hosts have that they should not")


@blp.route("/findings")
@requires(Right.VIEW)
@blp.arguments(FindingsQuery, **IN_QUERY)
@blp.response(200, page_of(FindingView))
def findings(given: Json) -> Any:
    """Findings, the newest first; those that are open unless another state is asked for."""
    which = taken(given)
    return answered(queries.find(Filter(**given), which))


@blp.route("/findings/<uuid:finding_id>")
@requires(Right.VIEW)
@blp.response(200, FindingView)
def finding(finding_id: UUID) -> Any:
    """One finding."""
    return queries.by_id(finding_id)


@blp.route("/findings/<uuid:finding_id>/repair", methods=["POST"])
@requires(Right.OPERATE)
@blp.arguments(AskingHeaders, location="headers")
@blp.arguments(FindingDecision)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.response(ACCEPTED, FindingView, headers=JOB_HEADERS)
@blp.alt_response(OK, schema=FindingView, description="What would come of it, after a dry run", success=True)
def repair(given: Json, wanted: Json, how: Json, finding_id: UUID) -> Response:
    """Queue the ordinary job that makes the server what the register says; `job_id` names it."""
    if how["dry_run"]:
        with transaction(dry_run=True):
            return sent(replace(_repaired(finding_id, wanted["reason"]), status=OK, location=None))
    return once(given, lambda: _repaired(finding_id, wanted["reason"]))


def _repaired(finding_id: UUID, reason: str) -> Answer:
    job_id = deciding.repair(finding_id, reason).job.id
    body = dict(FindingView().dump(queries.by_id(finding_id)))
    return Answer(ACCEPTED, body, url_for("jobs_api.job", job_id=job_id))


@blp.route("/findings/<uuid:finding_id>/adopt", methods=["POST"])
@requires(Right.OPERATE)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(FindingDecision)
@blp.response(200, FindingView)
def adopt(how: Json, given: Json, finding_id: UUID) -> Any:
    """Let the register say from now on what the server has."""
    with transaction(**how):
        deciding.adopt(finding_id, given["reason"])
        return queries.by_id(finding_id)


@blp.route("/findings/<uuid:finding_id>/remove", methods=["POST"])
@requires(Right.ADMINISTER)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(FindingDecision)
@blp.response(200, FindingView)
def remove(how: Json, given: Json, finding_id: UUID) -> Any:
    """Have what no instance owns taken away from the server, which keeps a last copy; `outcome` says where."""
    with transaction(**how):
        deciding.remove(finding_id, given["reason"])
        return queries.by_id(finding_id)


@blp.route("/findings/<uuid:finding_id>/ignore", methods=["POST"])
@requires(Right.OPERATE)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(IgnoreFinding)
@blp.response(200, FindingView)
def ignore(how: Json, given: Json, finding_id: UUID) -> Any:
    """Let it be until a moment; it is open again if it is still there afterwards."""
    with transaction(**how):
        deciding.ignore(finding_id, **given)
        return queries.by_id(finding_id)


@blp.route("/hosts/<name>/survey")
@requires(Right.VIEW)
@blp.response(200, SurveyView)
def survey(name: str) -> Any:
    """The newest look at a server, and when the next is due."""
    return queries.survey(name)


@blp.route("/hosts/<name>/survey", methods=["POST"])
@requires(Right.OPERATE)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.response(202, SurveyView)
def look_now(how: Json, name: str) -> Any:
    """Have a server looked at as soon as a worker of its site can."""
    with transaction(**how):
        service.look_now(name)
        return queries.survey(name)
