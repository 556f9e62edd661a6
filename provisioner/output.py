"""What commands share: their common options, and how they print: tables for people, JSON for programs."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import click
import orjson
from marshmallow import ValidationError
from rich.console import Console
from rich.table import Table

from provisioner.listing import Moment

output_option = click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people or for programs.",
)


reason_option = click.option("--reason", required=True, help="Kept in the audit.")


def _moment(_context: click.Context, _option: click.Parameter, given: str | None) -> datetime | None:
    try:
        return None if given is None else Moment().deserialize(given)
    except ValidationError:
        raise click.BadParameter("give a day, 2026-01-31, or a moment, 2026-01-31T12:00+01:00") from None


as_of_option = click.option("--as-of", callback=_moment, help="As it was then: a moment, or the end of a day.")


def show(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str], output: str) -> None:
    """Print rows; `columns` gives the title of each key that people see. Programs get every key."""
    if output == "json":
        click.echo(orjson.dumps([dict(row) for row in rows], default=str, option=orjson.OPT_INDENT_2))
        return
    table = Table(*columns.values(), header_style="bold", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*("" if row.get(key) is None else str(row[key]) for key in columns))
    Console(soft_wrap=True).print(table, markup=False)


def show_one(fact: Mapping[str, Any], output: str) -> None:
    """Print the facts of one object."""
    if output == "json":
        click.echo(orjson.dumps(dict(fact), default=str, option=orjson.OPT_INDENT_2))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in fact.items():
        table.add_row(name.replace("_", " "), "" if value is None else str(value))
    Console(soft_wrap=True).print(table, markup=False)
