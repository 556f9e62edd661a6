"""The API of workers and drains."""

from typing import Any

from flask_smorest import Blueprint

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.db import transaction
from provisioner.listing import IN_QUERY, DryRunQuery
from provisioner.workers import queries, service
from provisioner.workers.schemas import DrainRequest, DrainsView, WorkersView

blp = Blueprint("workers_api", __name__, url_prefix="/api/v1", description="Who carries jobs out, and where not")


@blp.route("/workers")
@requires(Right.VIEW)
@blp.response(200, WorkersView)
def workers() -> dict[str, Any]:
    """All workers, by name."""
    return {"items": queries.every(), "next": None}


@blp.route("/drains")
@requires(Right.VIEW)
@blp.response(200, DrainsView)
def drains() -> dict[str, Any]:
    """Where nothing new is begun at present."""
    return _drains()


@blp.route("/drains", methods=["POST"])
@requires(Right.ADMINISTER)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(DrainRequest)
@blp.response(200, DrainsView)
def drain(how: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Begin nothing new there; what runs comes to its end."""
    with transaction(**how):
        service.drain(**wanted)
        return _drains()


@blp.route("/drains/end", methods=["POST"])
@requires(Right.ADMINISTER)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(DrainRequest)
@blp.response(200, DrainsView)
def end_drain(how: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Begin jobs there again."""
    with transaction(**how):
        service.end_drain(**wanted)
        return _drains()


def _drains() -> dict[str, Any]:
    return {"items": queries.drains(), "next": None}
