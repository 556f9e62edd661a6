"""The inventory as a table: one name and one value a column, for files and terminals."""

from collections.abc import Iterable, Iterator
from typing import Any

COLUMNS = (
    "administration", "name_ar", "name_fr", "kind", "region",
    "app", "environment", "state", "version", "address", "since",
)  # fmt: skip


def cells(row: Any) -> list[Any]:
    """The values of a row of the inventory, in the order of COLUMNS."""
    names = row.administration_names
    given = {"name_ar": names.get("ar"), "name_fr": names.get("fr"), "since": row.since and row.since.isoformat()}
    return [given[column] if column in given else getattr(row, column) for column in COLUMNS]


def table(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """The names of the columns, then the rows."""
    yield list(COLUMNS)
    yield from map(cells, rows)
