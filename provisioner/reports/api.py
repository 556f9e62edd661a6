"""The API of reports: which apps each administration runs, and what the audit says."""

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.listing import IN_QUERY, answered, page_of, taken
from provisioner.presentation import language
from provisioner.reports import queries
from provisioner.reports.asking import event_filter, inventory_file, inventory_filter
from provisioner.reports.schemas import (
    AuditEventView,
    AuditQuery,
    InventoryFilters,
    InventoryQuery,
    InventoryRowView,
)

blp = Blueprint("reports_api", __name__, url_prefix="/api/v1", description="What auditors ask")


@blp.route("/reports/inventory")
@requires(Right.VIEW)
@blp.arguments(InventoryQuery, **IN_QUERY)
@blp.response(200, page_of(InventoryRowView))
def inventory(given: dict[str, Any]) -> Any:
    """Which apps does each administration run: a row for each instance."""
    which, as_of = taken(given), given.pop("as_of")
    return answered(queries.find(inventory_filter(given), which, language(), as_of))


@blp.route("/reports/inventory.csv")
@requires(Right.VIEW)
@blp.arguments(InventoryFilters, **IN_QUERY)
@blp.response(200, {"type": "string"}, content_type="text/csv", description="UTF-8 with a byte order mark")
def inventory_csv(given: dict[str, Any]) -> Response:
    """The same as a file, sent while it is read."""
    return inventory_file(given)


@blp.route("/audit/events")
@requires(Right.AUDIT)
@blp.arguments(AuditQuery, **IN_QUERY)
@blp.response(200, page_of(AuditEventView))
def audit_events(given: dict[str, Any]) -> Any:
    """Who did what, the newest first."""
    which, wanted = taken(given), event_filter(given)
    return answered(queries.events(wanted, which))
