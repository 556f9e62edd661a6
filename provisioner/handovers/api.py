"""The API of links by which secrets are handed over. A program can make one; only a page opens it."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask_smorest import Blueprint

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.db import Json, transaction
from provisioner.handovers import queries, service
from provisioner.handovers.links import link
from provisioner.handovers.schemas import HandoverRequest, HandoverView, NewHandoverView
from provisioner.instances import queries as instances
from provisioner.listing import IN_QUERY, DryRunQuery, ListQuery, answered, page_of, taken

blp = Blueprint("handovers_api", __name__, url_prefix="/api/v1", description="Links by which secrets are handed over")


@blp.route("/instances/<uuid:instance_id>/handovers")
@requires(Right.HAND_OVER)
@blp.arguments(ListQuery, **IN_QUERY)
@blp.response(200, page_of(HandoverView))
def handovers(given: Json, instance_id: UUID) -> Any:
    """The links of an instance, the newest first."""
    instances.by_id(instance_id)
    return answered(queries.of_instance(instance_id, taken(given)))


@blp.route("/instances/<uuid:instance_id>/handovers", methods=["POST"])
@requires(Right.HAND_OVER)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(HandoverRequest)
@blp.response(201, NewHandoverView)
def create(how: Json, wanted: Json, instance_id: UUID) -> Any:
    """A new link. It is in this answer and nowhere else; in that of a dry run, 200, there is none."""
    with transaction(**how):
        handover_id, token = service.create(instance_id, **wanted)
        made = dict(queries.by_id(handover_id)._mapping)  # noqa: SLF001 - how a row is read by name
    if how["dry_run"]:
        return made, HTTPStatus.OK
    return {**made, "link": link(token)}


@blp.route("/handovers/<uuid:handover_id>", methods=["DELETE"])
@requires(Right.HAND_OVER)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.response(204)
def revoke(how: Json, handover_id: UUID) -> None:
    """The link works no more."""
    with transaction(**how):
        service.revoke(handover_id)
