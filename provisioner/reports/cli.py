"""`provisioner report`: what auditors ask, on the terminal or as a file."""

from datetime import datetime
from typing import Any

import click

from provisioner.administrations import queries as administrations
from provisioner.administrations.kinds import Kind
from provisioner.exchange import csv_files
from provisioner.instances.queries import STATES
from provisioner.output import OneOf, as_of_option, show
from provisioner.reports import queries
from provisioner.reports.columns import COLUMNS, cells, table
from provisioner.reports.schemas import InventoryRowView

LANGUAGE = "en"  # the order of the rows


@click.group()
def report() -> None:
    """What auditors ask."""


@report.command()
@as_of_option
@click.option("--app")
@click.option("--kind", type=OneOf(Kind), help="Of the administration.")
@click.option("--region", help="Its id, its label, or a code as scheme:value.")
@click.option("--state", type=OneOf(STATES), help="Without it: all but removed.")
@click.option("--text", help="Words of the administration's names, or a code.")
@click.option("--has-app", help="Everything of the administrations that run this app.")
@click.option("--lacks-app", help="Everything of those that do not; alone, also of those that run nothing.")
@click.option("--output", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
def inventory(as_of: datetime | None, region: str | None, output: str, **filters: Any) -> None:
    """Which apps does each administration run: a row for each instance."""
    region_id = administrations.referred(region).id if region else None
    rows = queries.stream(queries.Filter(region_id=region_id, **filters), LANGUAGE, as_of)
    if output == "csv":
        for piece in csv_files.write(table(rows)):
            click.echo(piece, nl=False)
    elif output == "json":
        show(InventoryRowView(many=True).dump(rows), {}, output)
    else:
        show((dict(zip(COLUMNS, cells(row), strict=True)) for row in rows), _titles(), output)


def _titles() -> dict[str, str]:
    return {name: name.replace("_", " ").capitalize() for name in COLUMNS}
