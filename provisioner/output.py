"""What commands print: tables for people, JSON for programs."""

from collections.abc import Iterable, Mapping
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table

output_option = click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people or for programs.",
)


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
