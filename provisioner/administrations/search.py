"""Lists of administrations: filtered, searched, in the order of the reader's language."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, Integer, Select, Subquery, Uuid, case, func, literal, or_, select, union_all

from provisioner.administrations.folding import clean, fold
from provisioner.administrations.kinds import Kind, Language
from provisioner.administrations.models import Administration, AdministrationName, Identifier, Place
from provisioner.administrations.queries import known_at, placed, referred, selected, valid_at
from provisioner.paging import Page, PageRequest, page

EXACT_CODE, EXACT_NAME, PART_OF_NAME = range(3)


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed to; None narrows nothing.

    `text` is a code or a label, or words of one of the names. `region_id` is everything below it or in its territory.
    """

    text: str | None = None
    kind: Kind | None = None
    parent_id: UUID | None = None
    territory_id: UUID | None = None
    region_id: UUID | None = None
    closed: bool | None = None


def meant(parent: str | None = None, territory: str | None = None, region: str | None = None, **more: Any) -> Filter:
    """The filter of a reader, who names administrations by an id, a label, or a code as scheme:value; NotFound."""
    ids = [referred(text).id if text else None for text in (parent, territory, region)]
    return Filter(parent_id=ids[0], territory_id=ids[1], region_id=ids[2], **more)


def find(wanted: Filter, which: PageRequest, language: str, as_of: datetime | None = None) -> Page:
    """Administrations by name, as `queries.selected` shows them; with a text, those with this very code come first."""
    listed = listed_under(Language(language), as_of)
    order: list[ColumnElement[Any]] = [listed.c.sort_key, listed.c.administration_id]
    query = selected(as_of).join(listed, listed.c.administration_id == Administration.id)
    if wanted.text:
        hits = matches(wanted.text, as_of)
        query = query.join(hits, hits.c.administration_id == Administration.id)
        order.insert(0, hits.c.rank)
    query = query.add_columns(*order).where(*_narrowed(wanted, as_of))
    return page(query, order, which, {"list": "administrations", "by": language, "as_of": as_of, **asdict(wanted)})


def _narrowed(wanted: Filter, as_of: datetime | None) -> list[ColumnElement[bool]]:
    equal = {
        Administration.kind: wanted.kind,
        Administration.parent_id: wanted.parent_id,
        Administration.territory_id: wanted.territory_id,
    }
    conditions = [column == value for column, value in equal.items() if value is not None]
    if wanted.region_id:
        conditions.append(Administration.id.in_(select(inside_region(wanted.region_id).c.id)))
    if wanted.closed is not None:
        closed = func.coalesce(Administration.closed_at <= (as_of or func.now()), False)
        conditions.append(closed if wanted.closed else ~closed)
    return [*conditions, *known_at(as_of)]


def inside_region(region_id: UUID) -> CTE:
    """The region, what is below it, and what has its territory there."""
    inside = select(literal(region_id, Uuid).label("id")).cte("inside", recursive=True)
    belongs = or_(Administration.parent_id == inside.c.id, Administration.territory_id == inside.c.id)
    return inside.union(select(Administration.id).join(inside, belongs))


def listed_under(language: Language, as_of: datetime | None = None) -> Subquery:
    """Where each administration stands in a list (administration_id, sort_key): order by sort_key, then by id."""
    if as_of is None:
        today: list[Any] = [Place.administration_id, Place.sort_key]
        return select(*today).where(Place.language == language).subquery("listed")
    return placed(language, as_of).subquery("listed")


def matches(text: str, as_of: datetime | None = None) -> Subquery:
    """Who is meant by the text (administration_id), and how surely (rank, the best first)."""
    every = union_all(*_exact(text, as_of), *_by_words(fold(text), as_of)).subquery()
    best = func.min(every.c.rank, type_=Integer).label("rank")
    return select(every.c.administration_id, best).group_by(every.c.administration_id).subquery("hits")


def _exact(text: str, as_of: datetime | None) -> list[Select[Any]]:
    typed = clean(text)
    codes = {typed, typed.upper(), fold(text)}  # a code in small letters, or in Arabic digits, is the same code
    held = _ranked(Identifier.administration_id, literal(EXACT_CODE, Integer))
    labelled = _ranked(Administration.id, literal(EXACT_CODE, Integer))
    return [
        held.where(Identifier.value.in_(codes), valid_at(Identifier.valid, as_of)),
        labelled.where(Administration.slug == typed.lower()),
    ]


def _by_words(folded: str, as_of: datetime | None) -> list[Select[Any]]:
    """Names in which every word occurs, as a part of a word at least."""
    if not folded:
        return []
    name = AdministrationName
    rank = case((name.folded == folded, EXACT_NAME), else_=PART_OF_NAME)
    parts = [name.folded.like(f"%{_literally(word)}%") for word in folded.split()]
    return [_ranked(name.administration_id, rank).where(valid_at(name.valid, as_of), *parts)]


def _ranked(administration_id: Any, rank: ColumnElement[int]) -> Select[Any]:
    return select(administration_id.label("administration_id"), rank.label("rank"))


def _literally(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
