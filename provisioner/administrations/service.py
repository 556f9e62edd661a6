"""Verbs on the register: register, edit, rename, identify. They write and audit; the door commits."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select, text as sql
from sqlalchemy.dialects.postgresql import Range

from provisioner.administrations import queries, rules, writing
from provisioner.administrations.kinds import NameType
from provisioner.administrations.models import Administration
from provisioner.administrations.queries import LINKS
from provisioner.administrations.rules import Fault, Faults
from provisioner.administrations.writing import Coding, Naming
from provisioner.audit import service as audit
from provisioner.db import Json, db
from provisioner.errors import Conflict, NotFound


class Stale(Conflict):
    code = "stale"
    status = 412
    message = "Somebody else changed this in the meantime. Look at it again, then repeat what you wanted."


@dataclass(frozen=True, kw_only=True)
class NewAdministration:
    """What is needed to register one. Links name another by its id, its label, or a code as scheme:value."""

    kind: str
    names: Mapping[str, str] = field(default_factory=dict)  # official, by language; at least one
    identifiers: Mapping[str, str] = field(default_factory=dict)  # by scheme
    slug: str | None = None  # None: made from the French name
    parent: str | None = None
    supervisor: str | None = None
    territory: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewName:
    language: str
    text: str
    type: str = NameType.OFFICIAL
    since: datetime | None = None  # None: now


@dataclass(frozen=True, kw_only=True)
class NewCode:
    scheme: str
    value: str
    since: datetime | None = None  # None: now


def held(administration_id: UUID) -> Administration:
    """The administration, its row held until the end of the transaction; NotFound."""
    query = select(Administration).where(Administration.id == administration_id).with_for_update(key_share=True)
    administration = db.session.scalar(query.execution_options(populate_existing=True))
    if administration is None:
        raise NotFound(kind="administration", key=str(administration_id))
    return administration


def take_turns() -> None:
    """Writers of the register wait for each other: labels, codes and the hierarchy concern more than one row."""
    db.session.execute(sql("SELECT pg_advisory_xact_lock(hashtext('administrations'))"))


def moment() -> datetime:
    """Now by the clock of the database. Not now(): two changes in one transaction happen one after the other."""
    now: datetime = db.session.scalars(select(func.clock_timestamp())).one()
    return now


def register(wanted: NewAdministration) -> Administration:
    """Enter an administration; Invalid with all that is wrong with it."""
    take_turns()
    faults = Faults()
    kind = faults.read("/kind", rules.kind, wanted.kind)
    slug = faults.read("/slug", _free_label, wanted.slug) if wanted.slug else None
    links = {f"{link}_id": faults.read(f"/{link}", _linked, getattr(wanted, link)) for link in LINKS}
    names = {key: faults.read(f"/names/{key}", rules.name, key, text) for key, text in wanted.names.items()}
    codes = {key: faults.read(f"/identifiers/{key}", _free_code, key, it) for key, it in wanted.identifiers.items()}
    if not names:
        faults.errors.append({"pointer": "/names", "detail": "At least one name is needed."})
    faults.refuse()
    own_id = uuid4()
    row = {"id": own_id, "kind": kind, "slug": slug or _derived_label(own_id, names, codes), **links}
    return _enter(row, names, codes)


def _enter(row: Json, names: Mapping[str, Any], codes: Mapping[str, Any]) -> Administration:
    since, own_id = moment(), row["id"]
    writing.enter([row], since)
    writing.name([Naming(own_id, key, NameType.OFFICIAL, text) for key, text in names.items()], since)
    writing.identify([Coding(own_id, key, code) for key, code in codes.items()], since)
    record("register", own_id, {}, {**row, **{f"name_{key}": text for key, text in names.items()}, **codes})
    return held(own_id)


def edit(administration_id: UUID, changes: Mapping[str, str | None], version: int | None = None) -> Administration:
    """Change kind, slug and links, named as in NewAdministration. Stale if `version` is not the one it has now."""
    administration = _turn(administration_id, version)
    readers: dict[str, Callable[[str | None], Any]] = {
        "kind": lambda given: rules.kind(given or ""),
        "slug": lambda given: _other_label(administration, given or ""),
        "parent": lambda given: _above(administration, given),
        "supervisor": _linked,
        "territory": _linked,
    }
    faults = Faults()
    read = {key: faults.read(f"/{key}", readers[key], given) for key, given in changes.items()}
    faults.refuse()
    columns = {f"{key}_id" if key in LINKS else key: value for key, value in read.items()}
    after = {column: value for column, value in columns.items() if value != getattr(administration, column)}
    if not after:
        return administration
    return _altered(administration, "edit", {column: getattr(administration, column) for column in after}, after)


def rename(administration_id: UUID, wanted: NewName, version: int | None = None) -> Administration:
    """Give a name. The one of that language and type before it ends then, and is kept; an alias ends nothing."""
    administration = _turn(administration_id, version)
    faults = Faults()
    type_ = faults.read("/type", rules.type_of_name, wanted.type) or NameType.OFFICIAL
    text = faults.read("/text", rules.name, wanted.language, wanted.text) or ""
    same = [each for each in administration.names if (each.language, each.type) == (wanted.language, type_)]
    current = [each.text for each in same if each.valid.upper is None]
    periods = [] if type_ is NameType.ALIAS else [each.valid for each in same]
    since = faults.read("/since", _start, wanted.since, periods) or moment()
    faults.refuse()
    if text in current:
        return administration
    writing.name([Naming(administration.id, wanted.language, type_, text)], since)
    key = f"{type_}_name_{wanted.language}".removeprefix("official_")
    before = None if type_ is NameType.ALIAS else next(iter(current), None)
    return _altered(administration, "rename", {key: before}, {key: text})


def identify(administration_id: UUID, wanted: NewCode, version: int | None = None) -> Administration:
    """Give a code. The one of that scheme before it ends then, and is kept."""
    administration = _turn(administration_id, version)
    faults = Faults()
    code = faults.read("/value", _code_for, administration.id, wanted) or ""
    same = [each for each in administration.identifiers if each.scheme == wanted.scheme]
    current = [each.value for each in same if each.valid.upper is None]
    since = faults.read("/since", _start, wanted.since, [each.valid for each in same]) or moment()
    faults.refuse()
    if code in current:
        return administration
    writing.identify([Coding(administration.id, wanted.scheme, code)], since)
    return _altered(administration, "identify", {wanted.scheme: next(iter(current), None)}, {wanted.scheme: code})


def _turn(administration_id: UUID, version: int | None) -> Administration:
    take_turns()
    administration = held(administration_id)
    if version not in {None, administration.version}:
        raise Stale
    return administration


def _altered(administration: Administration, verb: str, before: Json, after: Json) -> Administration:
    """Every change is a new version of the administration, also that of a name or code."""
    columns = {key: value for key, value in after.items() if key in Administration.__table__.c}
    writing.alter([{"id": administration.id, **columns}])
    record(verb, administration.id, before, after)
    return held(administration.id)


def record(verb: str, administration_id: UUID, before: Json, after: Json) -> None:
    audit.record(
        f"administration.{verb}",
        "administration",
        administration_id,
        administration_id=administration_id,
        before=_plain(before),
        after=_plain(after),
    )


def _plain(facts: Json) -> Json | None:
    known = {key: str(value) for key, value in facts.items() if value is not None}
    return known or None


def _start(since: datetime | None, periods: Iterable[Range[datetime]]) -> datetime:
    now = moment()
    start = since or now
    if start > now:
        raise Fault("This lies in the future.")
    # Later than the beginning of the last one, which it ends; not before the end of those that have ended.
    if any(start <= (period.lower or start) or start < (period.upper or start) for period in periods):
        raise Fault("What is known already began later than that.")
    return start


def _linked(reference: str | None) -> UUID | None:
    if not reference:
        return None
    try:
        found: UUID = queries.referred(reference).id
    except NotFound:
        raise Fault("There is no administration with this id, label or code.") from None
    return found


def _above(administration: Administration, reference: str | None) -> UUID | None:
    parent_id = _linked(reference)
    if parent_id and administration.id in {parent_id, *(each.id for each in queries.path(parent_id))}:
        raise Fault("It would stand above itself in the hierarchy.")
    return parent_id


def _free_label(wanted: str) -> str:
    label = rules.label(wanted)
    if queries.labels(label):
        raise Fault("Another administration has this label.")
    return label


def _other_label(administration: Administration, wanted: str) -> str:
    if wanted == administration.slug:
        return wanted
    if queries.served([administration.id]):
        raise Fault("This label stands in addresses of instances and cannot change any more.")
    return _free_label(wanted)


def _free_code(scheme: str, value: str) -> str:
    return _code_for(None, NewCode(scheme=scheme, value=value))


def _code_for(own_id: UUID | None, wanted: NewCode) -> str:
    code = rules.code(wanted.scheme, wanted.value)
    if queries.holder(wanted.scheme, code, wanted.since) not in {None, own_id}:
        raise Fault("Another administration has this code.")
    return code


def _derived_label(own_id: UUID, names: Mapping[str, Any], codes: Mapping[str, Any]) -> str:
    wanted = rules.label_from(own_id, names, codes)
    return rules.free_label(wanted, queries.labels(wanted[: rules.ROOM_FOR_NUMBER], prefix=True))
