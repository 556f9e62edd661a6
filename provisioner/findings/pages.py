"""The page of findings."""

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from provisioner.accounts import browser
from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.db import transaction
from provisioner.findings import deciding, queries, service
from provisioner.findings.lifecycle import FindingState, Kind, decisions
from provisioner.findings.queries import Filter
from provisioner.findings.schemas import FindingDecision, FindingsQuery, IgnoreFinding
from provisioner.hosts import queries as hosts
from provisioner.listing import asked, filters, taken

blp = Blueprint("findings", __name__)


@blp.get("/findings")
@requires(Right.VIEW)
def every() -> str:
    given = asked(FindingsQuery)
    which = taken(given)
    return render_template(
        "findings/list.html",
        page=queries.find(Filter(**given), which),
        given=filters(),
        state=given["state"].value,
        states=FindingState,
        kinds=Kind,
        hosts=[(host.name, host.name) for host in hosts.every()],
        decisions=decisions,
    )


@blp.post("/findings/<uuid:finding_id>/repair")
@requires(Right.OPERATE)
def repair(finding_id: UUID) -> Response:
    reason = browser.form(FindingDecision)["reason"]
    with transaction():
        job_id = deciding.repair(finding_id, reason).job.id
    return redirect(url_for("jobs.one", job_id=job_id), HTTPStatus.SEE_OTHER)


@blp.post("/findings/<uuid:finding_id>/adopt")
@requires(Right.OPERATE)
def adopt(finding_id: UUID) -> Response:
    reason = browser.form(FindingDecision)["reason"]
    with transaction():
        deciding.adopt(finding_id, reason)
    flash(gettext("The register says now what the server has."))
    return _back()


@blp.post("/findings/<uuid:finding_id>/remove")
@requires(Right.ADMINISTER)
def remove(finding_id: UUID) -> Response:
    reason = browser.form(FindingDecision)["reason"]
    with transaction():
        deciding.remove(finding_id, reason)
    flash(gettext("It is taken away from the server in a moment, and a last copy is kept there."))
    return _back()


@blp.post("/findings/<uuid:finding_id>/ignore")
@requires(Right.OPERATE)
def ignore(finding_id: UUID) -> Response:
    given = browser.form(IgnoreFinding)
    with transaction():
        deciding.ignore(finding_id, **given)
    flash(gettext("It is ignored until then."))
    return _back()


@blp.post("/findings/looks")
@requires(Right.OPERATE)
def look() -> Response:
    """At one server, or at all that can be looked at."""
    chosen = request.form.get("host")
    with transaction():
        for name in [chosen] if chosen else service.lookable():
            service.look_now(name)
    flash(gettext("The servers are looked at in a moment. Read this page again then."))
    return _back()


def _back() -> Response:
    return redirect(url_for("findings.every"), HTTPStatus.SEE_OTHER)
