"""The ground floor of every table: base class, column types, and the one way to open a transaction."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID, uuid4

import orjson
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, ColumnElement, DateTime, Enum, Identity, MetaData, Text, func, literal, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSTZRANGE, Range
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column, registry

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

Id = Annotated[UUID, mapped_column(primary_key=True, default=uuid4)]
Serial = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
Created = Annotated[datetime, mapped_column(server_default=func.clock_timestamp())]
Since = Annotated[Range[datetime], mapped_column(TSTZRANGE, server_default=func.tstzrange(func.now(), None))]
Json = dict[str, Any]
Words = dict[str, str]  # one text per language: {"ar": ..., "fr": ..., "en": ...}


class Base(DeclarativeBase):
    # A registry rather than a type_annotation_map: Flask-SQLAlchemy 3.1 drops the map with SQLAlchemy 2.1.
    registry = registry(
        metadata=MetaData(naming_convention=NAMES),
        type_annotation_map={
            str: Text(),
            datetime: DateTime(timezone=True),
            Json: JSONB(),
            Words: JSONB(),
            list[str]: JSONB(),
            list[Json]: JSONB(),
            StrEnum: Enum(
                StrEnum, native_enum=False, length=40, values_callable=lambda kind: [each.value for each in kind]
            ),
        },
    )
    metadata = registry.metadata

    __audited__: tuple[
        str, ...
    ] = ()  # columns whose changes the audit triggers keep; migrations repeat them, a test compares


db = SQLAlchemy(model_class=Base)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


def enter(model: type[Base], rows: Sequence[Json]) -> None:
    """Insert many rows by one statement. All name the same columns; the others get their defaults."""
    if not rows:
        return
    defaults = {
        each.name: each.default.arg for each in model.__table__.columns if each.default and each.default.is_scalar
    }
    filled = [{**defaults, **row} for row in rows]
    table, columns = model.__tablename__, ", ".join(filled[0])
    source = f"jsonb_populate_recordset(NULL::{table}, CAST(:rows AS jsonb))"
    insert = text(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {source}")  # noqa: S608 - names of our own
    db.session.flush()
    db.session.execute(insert, {"rows": orjson.dumps(filled).decode()})


def one_of(column: Any, values: Collection[Any]) -> ColumnElement[bool]:
    """Whether the column has one of these values, however many: they travel as one array."""
    return column == func.any(literal(list(values), ARRAY(column.type)))  # type: ignore[no-any-return]


@contextmanager
def transaction(*, dry_run: bool = False) -> Iterator[Session]:
    """Everything inside is kept together or not at all; what a dry run did is undone at its end.

    Only doors and the worker open one; verbs never commit.
    """
    session: Session = db.session()
    try:
        yield session
        if dry_run:
            session.rollback()
        else:
            session.commit()
    except BaseException:
        session.rollback()
        raise
