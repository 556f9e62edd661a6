"""Questions about administrations, now or as of a time: names and codes are those that were valid then.

Kind, label and links have no history of their own; they are always today's.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, Integer, Row, Select, case, column, func, literal, select, table
from sqlalchemy.dialects.postgresql import distinct_on

from provisioner.administrations.kinds import Kind, Language, NameType
from provisioner.administrations.models import Administration, AdministrationName, Identifier
from provisioner.db import Json, Words, db
from provisioner.errors import NotFound

# An administration without a name in the reader's language is listed under the first of these that it has.
FALLBACK = (Language.FRENCH, Language.ARABIC, Language.ENGLISH, Language.AMAZIGH)
LINKS = ("parent", "supervisor", "territory")
DEEPEST = 20  # levels of the hierarchy: a path ends there even if plain SQL has made a circle


def by_id(administration_id: UUID, as_of: datetime | None = None) -> Row[Any]:
    """One administration with its names and codes; NotFound."""
    return _one(Administration.id == administration_id, str(administration_id), as_of)


def detail(administration_id: UUID, as_of: datetime | None = None) -> Json:
    """What `by_id` says, with every name and code it has or had."""
    return {
        **by_id(administration_id, as_of)._mapping,  # noqa: SLF001 - how a row is read by name
        "names_over_time": names_over_time(administration_id),
        "identifiers_over_time": identifiers_over_time(administration_id),
    }


def by_slug(slug: str, as_of: datetime | None = None) -> Row[Any]:
    return _one(Administration.slug == slug, slug, as_of)


def by_identifier(scheme: str, value: str, as_of: datetime | None = None) -> Row[Any]:
    """Who has (or had) this code; NotFound."""
    holder = select(Identifier.administration_id).where(
        Identifier.scheme == scheme, Identifier.value == value, valid_at(Identifier.valid, as_of)
    )
    return _one(Administration.id.in_(holder), f"{scheme}:{value}", as_of)


def referred(text: str) -> Row[Any]:
    """The administration that people mean by an id, a label, or a code as scheme:value; NotFound."""
    if ":" in text:
        scheme, _, value = text.partition(":")
        return by_identifier(scheme, value)
    try:
        return by_id(UUID(text))
    except ValueError:
        return by_slug(text)


def names_of(ids: Iterable[UUID], as_of: datetime | None = None) -> dict[UUID, Words]:
    """The official names of each, by language."""
    rows = db.session.execute(
        select(AdministrationName.administration_id, AdministrationName.language, AdministrationName.text).where(
            AdministrationName.administration_id.in_(list(ids)), official(as_of)
        )
    )
    named: dict[UUID, Words] = {}
    for administration_id, language, text in rows:
        named.setdefault(administration_id, {})[language.value] = text
    return named


def names_over_time(administration_id: UUID) -> Sequence[Row[Any]]:
    """Every name it has or had, the newest first within each language."""
    name = AdministrationName
    return db.session.execute(
        select(name.language, name.type, name.text, *_period(name.valid))
        .where(name.administration_id == administration_id)
        .order_by(name.language, name.type.desc(), func.lower(name.valid).desc(), name.text)
    ).all()


def identifiers_over_time(administration_id: UUID) -> Sequence[Row[Any]]:
    """Every code it has or had, the newest first within each scheme."""
    return db.session.execute(
        select(Identifier.scheme, Identifier.value, *_period(Identifier.valid))
        .where(Identifier.administration_id == administration_id)
        .order_by(Identifier.scheme, func.lower(Identifier.valid).desc())
    ).all()


def path(administration_id: UUID, as_of: datetime | None = None) -> Sequence[Row[Any]]:
    """What stands above it in the hierarchy, from the top down to its parent."""
    start = select(Administration.parent_id.label("id"), literal(1, Integer).label("height"))
    above = start.where(Administration.id == administration_id).cte("above", recursive=True)
    further = select(Administration.parent_id, above.c.height + 1).join(above, Administration.id == above.c.id)
    above = above.union_all(further.where(above.c.height < DEEPEST))
    query = selected(as_of).join(above, Administration.id == above.c.id)
    return db.session.execute(query.order_by(above.c.height.desc())).all()


def links(administration: Row[Any]) -> dict[str, Row[Any]]:
    """Those it is linked to: its parent, supervisor and territory, as far as it has them."""
    ids = {link: getattr(administration, f"{link}_id") for link in LINKS}
    found = {each.id: each for each in db.session.execute(selected().where(Administration.id.in_(ids.values())))}
    return {link: found[link_id] for link, link_id in ids.items() if link_id}


def children(administration_id: UUID) -> int:
    """How many stand directly below it."""
    return db.session.scalar(select(func.count()).where(Administration.parent_id == administration_id)) or 0


def every() -> Sequence[Row[Any]]:
    """The whole register, for comparing it with a file."""
    return db.session.execute(selected()).all()


def regions() -> Sequence[Row[Any]]:
    """The regions by label, to choose from."""
    return db.session.execute(selected().where(Administration.kind == Kind.REGION).order_by(Administration.slug)).all()


def labels(wanted: str, *, prefix: bool = False) -> frozenset[str]:
    """The labels in use that are, or with `prefix` begin with, this one."""
    like = Administration.slug.startswith(wanted, autoescape=True) if prefix else Administration.slug == wanted
    return frozenset(db.session.scalars(select(Administration.slug).where(like)))


def holder(scheme: str, value: str, since: datetime | None = None) -> UUID | None:
    """Who has this code now, or had it at some time since."""
    period = func.tstzrange(literal(since, DateTime(timezone=True)) if since else func.clock_timestamp(), None)
    query = select(Identifier.administration_id).where(
        Identifier.scheme == scheme, Identifier.value == value, Identifier.valid.overlaps(period)
    )
    return db.session.scalar(query.limit(1))


def served(ids: Iterable[UUID]) -> frozenset[UUID]:
    """Those that have, or once had, an instance: their labels stand in addresses."""
    # Instances are a room above; all that is asked of their table is whether a row exists.
    holder = table("instance", column("administration_id", Administration.id.type)).c.administration_id
    return frozenset(db.session.scalars(select(holder).where(holder.in_(list(ids)))))


def selected(as_of: datetime | None = None) -> Select[Any]:
    """What every list and page shows of an administration: a plain row, with names and identifiers as mappings."""
    columns: list[Any] = [
        Administration.id,
        Administration.kind,
        Administration.slug,
        Administration.parent_id,
        Administration.supervisor_id,
        Administration.territory_id,
        Administration.registered_at,
        Administration.closed_at,
        Administration.version,
        names(as_of).label("names"),
        _gathered(Identifier.scheme, Identifier.value, valid_at(Identifier.valid, as_of)).label("identifiers"),
    ]
    return select(*columns)


def names(as_of: datetime | None = None) -> ColumnElement[Any]:
    """The official names of the administration in a query, by language: a column for those who join it."""
    return _gathered(AdministrationName.language, AdministrationName.text, official(as_of))


def valid_at(period: Any, as_of: datetime | None) -> ColumnElement[bool]:
    """Whether the row counted at that time. No row begins in the future: what has no end counts today."""
    if as_of is None:
        return func.upper_inf(period, type_=None)
    known: ColumnElement[bool] = period.contains(literal(as_of, DateTime(timezone=True)))
    return known


def official(as_of: datetime | None) -> ColumnElement[bool]:
    return (AdministrationName.type == NameType.OFFICIAL) & valid_at(AdministrationName.valid, as_of)


def placed(language: Language, as_of: datetime | None = None) -> Select[Any]:
    """The one name that places each administration in the lists of a language: one in that language, if it has any."""
    name, preferred = AdministrationName, dict.fromkeys((language, *FALLBACK))
    better = case({each.value: position for position, each in enumerate(preferred)}, value=name.language)
    columns: list[Any] = [name.administration_id, name.sort_key]
    query = select(*columns).where(official(as_of)).ext(distinct_on(name.administration_id))
    return query.order_by(name.administration_id, better)


def known_at(as_of: datetime | None) -> list[ColumnElement[bool]]:
    """Nobody is listed as of a time when it was not registered yet."""
    return [] if as_of is None else [Administration.registered_at <= as_of]


def _one(which: ColumnElement[bool], key: str, as_of: datetime | None) -> Row[Any]:
    row = db.session.execute(selected(as_of).where(which, *known_at(as_of))).one_or_none()
    if row is None:
        raise NotFound(kind="administration", key=key)
    return row


def _gathered(key: Any, value: Any, which: ColumnElement[bool]) -> ColumnElement[Any]:
    # A subquery for each row shown, not a join and a group for each row there is.
    gathered = func.coalesce(func.jsonb_object_agg(key, value), func.jsonb_build_object())
    return select(gathered).where(key.class_.administration_id == Administration.id, which).scalar_subquery()


def _period(valid: Any) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return func.lower(valid).label("since"), func.upper(valid).label("until")
