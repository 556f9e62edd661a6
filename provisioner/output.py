"""What commands share: their common options, and how they print: tables for people, JSON for programs."""

import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import click
import orjson
from marshmallow import ValidationError
from rich.console import Console
from rich.table import Column, Table

from provisioner.listing import Moment

WIDEST = 10_000  # characters of a line that goes to a file or a pipe, where nothing may be folded

output_option = click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people or for programs.",
)


class OneOf(click.Choice[StrEnum]):
    """One of an enumeration, by its value: click itself would go by its names."""

    def normalize_choice(self, choice: object, ctx: click.Context | None) -> str:
        return super().normalize_choice(str(choice), ctx)


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
    table = Table(*map(_whole, columns.values()), header_style="bold", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*("" if row.get(key) is None else str(row[key]) for key in columns))
    _print(table)


def show_one(fact: Mapping[str, Any], output: str) -> None:
    """Print the facts of one object."""
    if output == "json":
        click.echo(orjson.dumps(dict(fact), default=str, option=orjson.OPT_INDENT_2))
        return
    table = Table(_whole("Fact"), _whole("Value"), show_header=False, box=None, pad_edge=False)
    for name, value in fact.items():
        table.add_row(name.replace("_", " "), "" if value is None else str(value))
    _print(table)


def _whole(title: str) -> Column:
    """A column whose texts are folded where the terminal is narrow, never cut."""
    return Column(title, overflow="fold")


def _print(table: Table) -> None:
    width = None if sys.stdout.isatty() else WIDEST
    Console(soft_wrap=True, width=width).print(table, markup=False)
