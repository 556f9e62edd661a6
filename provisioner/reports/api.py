"""The API of reports: which apps each administration runs, and what the audit says."""

from typing import Any

from flask import Response, stream_with_context
from flask_smorest import Blueprint

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.administrations import queries as administrations
from provisioner.exchange import csv_files
from provisioner.listing import IN_QUERY, answered, page_of, taken
from provisioner.presentation import language
from provisioner.reports import queries
from provisioner.reports.columns import table
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
    return answered(queries.find(_filter(given), which, language(), as_of))


@blp.route("/reports/inventory.csv")
@requires(Right.VIEW)
@blp.arguments(InventoryFilters, **IN_QUERY)
@blp.response(200, {"type": "string"}, content_type="text/csv", description="UTF-8 with a byte order mark")
def inventory_csv(given: dict[str, Any]) -> Response:
    """The same as a file, sent while it is read."""
    as_of = given.pop("as_of")
    rows = queries.stream(_filter(given), language(), as_of)
    file = Response(stream_with_context(csv_files.write(table(rows))), mimetype="text/csv")
    file.headers.set("Content-Disposition", "attachment", filename="inventory.csv")
    return file


def _filter(given: dict[str, Any]) -> queries.Filter:
    region = given.pop("region", None)
    return queries.Filter(region_id=administrations.referred(region).id if region else None, **given)


@blp.route("/audit/events")
@requires(Right.AUDIT)
@blp.arguments(AuditQuery, **IN_QUERY)
@blp.response(200, page_of(AuditEventView))
def audit_events(given: dict[str, Any]) -> Any:
    """Who did what, the newest first."""
    which, whose = taken(given), given.pop("administration", None)
    wanted = queries.EventFilter(administration_id=administrations.referred(whose).id if whose else None, **given)
    return answered(queries.events(wanted, which))
