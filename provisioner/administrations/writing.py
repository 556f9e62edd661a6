"""The rows behind the verbs, many at a time: one statement for a table, however many rows it gets."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import ARRAY, DateTime, LargeBinary, Text, Uuid, column, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeEngine

from provisioner.administrations import folding
from provisioner.administrations.kinds import Language, NameType
from provisioner.administrations.models import Administration, AdministrationName, Identifier, Place
from provisioner.administrations.queries import placed
from provisioner.db import db

TYPES: dict[str, TypeEngine[Any]] = {
    **dict.fromkeys(("id", "administration_id", "parent_id", "supervisor_id", "territory_id"), Uuid()),
    "sort_key": LargeBinary(),
}


class Naming(NamedTuple):
    administration_id: UUID
    language: str
    type: str
    text: str


class Coding(NamedTuple):
    administration_id: UUID
    scheme: str
    value: str


def enter(administrations: Sequence[Mapping[str, Any]], since: datetime) -> None:
    """New rows of the register (id, kind, slug, links). As one statement they may refer to each other in any order."""
    _insert(Administration.__table__, administrations, registered_at=_at(since))


def alter(administrations: Sequence[Mapping[str, Any]]) -> None:
    """New values for rows of the register, found by their id; each becomes a version further."""
    if administrations:
        source = _rows(administrations)
        values = {each.name: each for each in source.c if each.name != "id"}
        register: Any = Administration.__table__
        changed = update(register).where(register.c.id == source.c.id)
        db.session.execute(changed.values(**values, version=register.c.version + 1))


def name(names: Sequence[Naming], since: datetime) -> None:
    """New names from that time on. The one of the same language and type ends then; aliases end nothing."""
    table = AdministrationName.__table__
    _end(table, [each._asdict() for each in names if each.type != NameType.ALIAS], {"text"}, since)
    rows = [
        {"id": uuid4(), **each._asdict(), "folded": folding.fold(each.text), "sort_key": folding.sort_key(each.text)}
        for each in names
    ]
    _insert(table, rows, valid=func.tstzrange(_at(since), None))
    _place({each.administration_id for each in names})


def identify(codes: Sequence[Coding], since: datetime) -> None:
    """New codes from that time on. The one of the same scheme ends then."""
    table = Identifier.__table__
    _end(table, [each._asdict() for each in codes], {"value"}, since)
    _insert(table, [{"id": uuid4(), **each._asdict()} for each in codes], valid=func.tstzrange(_at(since), None))


def _place(administrations: set[UUID]) -> None:
    ids = func.any(literal(list(administrations), ARRAY(Uuid())))
    for language in Language:
        place = placed(language).where(AdministrationName.administration_id == ids)
        values = place.add_columns(literal(language, Place.__table__.c.language.type))
        new = insert(Place).from_select(["administration_id", "sort_key", "language"], values)
        same = ["administration_id", "language"]
        db.session.execute(new.on_conflict_do_update(index_elements=same, set_={"sort_key": new.excluded.sort_key}))


def _end(table: Any, rows: Sequence[Mapping[str, Any]], besides: set[str], since: datetime) -> None:
    if rows:
        source = _rows(rows)
        same = [table.c[each.name] == each for each in source.c if each.name not in besides]
        period = func.tstzrange(func.lower(table.c.valid), _at(since))
        db.session.execute(update(table).where(*same, func.upper_inf(table.c.valid)).values(valid=period))


def _insert(table: Any, rows: Sequence[Mapping[str, Any]], **same: Any) -> None:
    if rows:
        source = _rows(rows)
        values = select(*source.c, *same.values())
        names = [*source.c.keys(), *same]
        db.session.execute(insert(table).from_select(names, values, include_defaults=False))


def _rows(rows: Sequence[Mapping[str, Any]]) -> TableValuedAlias:
    """The rows as a table of the statement: an array for each column, not a parameter for each value."""
    columns = [column(key, TYPES.get(key, Text())) for key in rows[0]]
    arrays = [literal([row[each.name] for row in rows], ARRAY(each.type)) for each in columns]
    return func.unnest(*arrays).table_valued(*columns, name="given").render_derived()


def _at(moment: datetime) -> Any:
    return literal(moment, DateTime(timezone=True))
