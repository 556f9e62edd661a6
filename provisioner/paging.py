"""Pages of long lists by keyset: every page costs the same, wherever it stands."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import ColumnElement, Integer, Select, and_, func, literal, literal_column, select, tuple_

from provisioner.db import db
from provisioner.errors import Invalid
from provisioner.secrets import service as secrets

DEFAULT_SIZE = 50
MOST = 200


@dataclass(frozen=True)
class PageRequest:
    size: int = DEFAULT_SIZE
    cursor: str | None = None
    with_total: bool = False


@dataclass(frozen=True)
class Page:
    """Some rows of a list; `next` is the cursor of the following page, None on the last; `total` only if asked for."""

    rows: Sequence[Any]
    next: str | None
    total: int | None = None


def every(find: Callable[[PageRequest], Page]) -> Iterator[Any]:
    """All rows of a list, page by page: for commands, which have nobody who turns the pages."""
    found = find(PageRequest(MOST))
    yield from found.rows
    while found.next:
        found = find(PageRequest(MOST, found.next))
        yield from found.rows


def _signer(bound_to: dict[str, Any]) -> URLSafeSerializer:
    return URLSafeSerializer(secrets.derived("cursor"), salt=json.dumps(bound_to, sort_keys=True, default=str))


def _write(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value.isoformat() if isinstance(value, date) else str(value)


def _read(column: Any, text: str) -> Any:
    readers: dict[type, Any] = {
        UUID: UUID,
        datetime: datetime.fromisoformat,
        date: date.fromisoformat,
        bytes: bytes.fromhex,
    }
    kind = column.type.python_type
    return literal(readers.get(kind, kind)(text), column.type)


def page(
    query: Select[*tuple[Any, ...]],
    order: Sequence[Any],
    wanted: PageRequest,
    bound_to: dict[str, Any],
    *,
    newest_first: bool = False,
) -> Page:
    """One page of `query`, ordered by `order` (its last column unique, all of them selected).

    `bound_to` are the filters: a cursor is signed for them, and refused with any other (Invalid).
    """
    total = _count(query) if wanted.with_total else None
    after = place(order, wanted, bound_to)
    if after:
        query = query.where(_beyond(order, after, newest_first=newest_first))
    ordering = [column.desc() for column in order] if newest_first else list(order)
    rows = db.session.execute(query.order_by(*ordering).limit(enough(wanted))).all()
    return cut(rows, order, wanted, bound_to, total)


def enough(wanted: PageRequest, already: int = 0) -> ColumnElement[int]:
    """How many rows to read: one more than the page holds.

    In the text and not as a value: a prepared statement is then planned for few rows, not for a tenth of them all.
    """
    return literal_column(str(_size(wanted) + 1 - already), Integer)


def _size(wanted: PageRequest) -> int:
    return max(1, min(wanted.size, MOST))


def place(order: Sequence[Any], wanted: PageRequest, bound_to: dict[str, Any]) -> list[Any]:
    """The values of `order` that a page begins behind; none on the first. Invalid if the cursor is of another list."""
    if not wanted.cursor:
        return []
    try:
        after = _signer(bound_to).loads(wanted.cursor)
    except BadSignature:
        raise Invalid("This page reference does not belong to this list. Start again from its first page.") from None
    return [_read(column, text) for column, text in zip(order, after, strict=True)]


def cut(
    rows: Sequence[Any], order: Sequence[Any], wanted: PageRequest, bound_to: dict[str, Any], total: int | None = None
) -> Page:
    """The page of these rows, of which there is one too many if another page follows; `order` names their columns."""
    size = _size(wanted)
    if len(rows) <= size:
        return Page(rows, None, total)
    last = rows[size - 1]._mapping  # noqa: SLF001 - the documented way to read a row by column
    return Page(rows[:size], _signer(bound_to).dumps([_write(last[column]) for column in order]), total)


def _beyond(order: Sequence[Any], values: Sequence[Any], *, newest_first: bool) -> ColumnElement[bool]:
    """What follows these values. The first column stands alone too: where the others are of another table, an index
    of its own can start there.
    """
    first, begin = order[0], values[0]
    if newest_first:
        return and_(first <= begin, tuple_(*order) < tuple_(*values))
    return and_(first >= begin, tuple_(*order) > tuple_(*values))


def _count(query: Select[*tuple[Any, ...]]) -> int:
    return db.session.scalar(select(func.count()).select_from(query.subquery())) or 0
