"""The API of backups; they are asked for with a request."""

from typing import Any
from uuid import UUID

from flask_smorest import Blueprint

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.backups import queries
from provisioner.backups.schemas import BackupView
from provisioner.listing import IN_QUERY, ListQuery, answered, page_of, taken

blp = Blueprint("backups_api", __name__, url_prefix="/api/v1", description="What the store holds of instances")


@blp.route("/instances/<uuid:instance_id>/backups")
@requires(Right.VIEW)
@blp.arguments(ListQuery, **IN_QUERY)
@blp.response(200, page_of(BackupView))
def backups(given: dict[str, Any], instance_id: UUID) -> Any:
    """Backups of an instance, the newest first, those that have left the store among them."""
    return answered(queries.of_instance(instance_id, taken(given)))
