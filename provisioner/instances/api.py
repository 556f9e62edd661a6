"""The API of instances: what there is, what there was, and how a job that needs attention is settled.

Whatever changes an instance is asked for with a request.
"""

from typing import Any
from uuid import UUID

from flask_smorest import Blueprint

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.db import transaction
from provisioner.instances import ending, queries, service
from provisioner.instances.schemas import (
    CertificateView,
    DecisionRequest,
    HistoryView,
    InstanceDetailView,
    InstancesQuery,
    InstanceView,
    ResolveRequest,
    meant,
)
from provisioner.jobs import queries as jobs
from provisioner.jobs.schemas import CancelRequest, JobView
from provisioner.listing import IN_QUERY, AsOfQuery, DryRunQuery, answered, page_of, taken
from provisioner.presentation import language

blp = Blueprint("instances_api", __name__, url_prefix="/api/v1", description="Apps that administrations run")


@blp.route("/instances")
@requires(Right.VIEW)
@blp.arguments(InstancesQuery, **IN_QUERY)
@blp.response(200, page_of(InstanceView))
def instances(given: dict[str, Any]) -> Any:
    """Instances by the administration's name in the reader's language, then by app."""
    which, as_of = taken(given), given.pop("as_of")
    return answered(queries.find(meant(given), which, language(), as_of))


@blp.route("/instances/<uuid:instance_id>")
@requires(Right.VIEW)
@blp.etag
@blp.arguments(AsOfQuery, **IN_QUERY)
@blp.response(200, InstanceDetailView)
def instance(given: dict[str, Any], instance_id: UUID) -> Any:
    """One instance, now or as it was."""
    return queries.detail(instance_id, given["as_of"])


@blp.route("/instances/<uuid:instance_id>/history")
@requires(Right.VIEW)
@blp.response(200, HistoryView)
def history(instance_id: UUID) -> dict[str, Any]:
    """What the instance was, period by period."""
    queries.by_id(instance_id)
    return {"items": queries.history(instance_id), "next": None}


@blp.route("/instances/<uuid:instance_id>/failed-release/pardon", methods=["POST"])
@requires(Right.OPERATE)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(DecisionRequest)
@blp.response(204)
def pardon(how: dict[str, Any], wanted: dict[str, Any], instance_id: UUID) -> None:
    """Say that what made a release fail on the instance is mended: an update may go to it again."""
    with transaction(**how):
        service.pardon(instance_id, wanted["reason"])


@blp.route("/instances/<uuid:instance_id>/legal-hold", methods=["POST"])
@requires(Right.OPERATE)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(DecisionRequest)
@blp.response(204)
def hold(how: dict[str, Any], wanted: dict[str, Any], instance_id: UUID) -> None:
    """Let nothing of the instance be erased until the hold is lifted."""
    with transaction(**how):
        ending.hold(service.held(instance_id), wanted["reason"])


@blp.route("/instances/<uuid:instance_id>/legal-hold/lift", methods=["POST"])
@requires(Right.OPERATE)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(DecisionRequest)
@blp.response(204)
def lift_hold(how: dict[str, Any], wanted: dict[str, Any], instance_id: UUID) -> None:
    """Lift the legal hold on the instance."""
    with transaction(**how):
        ending.release(service.held(instance_id), wanted["reason"])


@blp.route("/instances/<uuid:instance_id>/certificate")
@requires(Right.VIEW)
@blp.response(200, CertificateView)
def certificate(instance_id: UUID) -> Any:
    """The certificate that a removed instance was erased."""
    return ending.certificate(queries.by_id(instance_id))


@blp.route("/jobs/<uuid:job_id>/cancel", methods=["POST"])
@requires(Right.OPERATE)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(CancelRequest)
@blp.response(200, JobView)
def cancel(how: dict[str, Any], wanted: dict[str, Any], job_id: UUID) -> Any:
    """Cancel a queued job at once; ask the worker of a running one to kill everything that it started."""
    with transaction(**how):
        service.cancel(job_id, wanted["reason"])
        return jobs.detail(job_id)


@blp.route("/jobs/<uuid:job_id>/resolve", methods=["POST"])
@requires(Right.OPERATE)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(ResolveRequest)
@blp.response(200, JobView)
def resolve(how: dict[str, Any], wanted: dict[str, Any], job_id: UUID) -> Any:
    """Say how a job that needs attention ended, or that it shall run again."""
    with transaction(**how):
        service.resolve(job_id, wanted["resolution"], wanted["reason"])
        return jobs.detail(job_id)
