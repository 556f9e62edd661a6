"""What the doors of this room share: filters made of what was asked, and the inventory as a file."""

from typing import Any

from flask import Response, stream_with_context

from provisioner.administrations import queries as administrations
from provisioner.exchange import csv_files
from provisioner.presentation import language
from provisioner.reports import queries
from provisioner.reports.columns import table


def inventory_filter(given: dict[str, Any]) -> queries.Filter:
    region = given.pop("region", None)
    return queries.Filter(region_id=administrations.referred(region).id if region else None, **given)


def event_filter(given: dict[str, Any]) -> queries.EventFilter:
    whose = given.pop("administration", None)
    return queries.EventFilter(administration_id=administrations.referred(whose).id if whose else None, **given)


def inventory_file(given: dict[str, Any]) -> Response:
    """The inventory as CSV, sent while it is read."""
    as_of = given.pop("as_of")
    rows = queries.stream(inventory_filter(given), language(), as_of)
    file = Response(stream_with_context(csv_files.write(table(rows))), mimetype="text/csv")
    file.headers.set("Content-Disposition", "attachment", filename="inventory.csv")
    return file
