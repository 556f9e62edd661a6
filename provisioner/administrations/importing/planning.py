"""What importing a file would do, row by row. The register is read once; nothing is written."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, BinaryIO
from uuid import UUID, uuid4

from sqlalchemy import Row

from provisioner.administrations import queries, rules, service
from provisioner.administrations.importing import rows
from provisioner.administrations.importing.rows import Entry, Key
from provisioner.administrations.queries import LINKS
from provisioner.db import Json

COLUMNS = ("kind", "slug", *(f"{link}_id" for link in LINKS))


class Outcome(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Step:
    """What becomes of one row: `after` is what it changes and `before` what that was, by column."""

    line: int
    outcome: Outcome
    administration_id: UUID
    before: Json
    after: Json
    columns: Json  # kind, slug and links as they will be
    faults: Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class ImportPlan:
    steps: Sequence[Step]
    new_schemes: Sequence[str]  # schemes of codes that nobody has yet: meant, or a misspelt column

    @cached_property
    def tally(self) -> Counter[Outcome]:
        return Counter(step.outcome for step in self.steps)

    def of(self, outcome: Outcome) -> list[Step]:
        return [step for step in self.steps if step.outcome is outcome]

    @property
    def errors(self) -> list[dict[str, str]]:
        """The faults of all rows, each at /<line>/<column>."""
        faults = [(step.line, fault) for step in self.steps for fault in step.faults]
        return [{"pointer": f"/{line}/{fault['pointer']}", "detail": fault["detail"]} for line, fault in faults]


def plan(stream: BinaryIO) -> ImportPlan:
    """Compare the file with the register, and keep other writers out until the end of the transaction."""
    service.take_turns()
    return _Comparison(rows.read(stream), queries.every()).plan()


@dataclass(frozen=True)
class _Match:
    """A row, and whom it means: somebody known, or a new administration."""

    entry: Entry
    id: UUID
    known: Json  # by column, as Step.before; empty for a new one

    def fault(self, column: str, detail: str) -> None:
        self.entry.faults.errors.append({"pointer": column, "detail": detail})


class _Comparison:
    def __init__(self, entries: Sequence[Entry], register: Sequence[Row[Any]]) -> None:
        self.known = {each.id: _facts(each) for each in register}
        self.keys = {key: each.id for each in register for key in _keys(each)}
        self.matches = [self._match(entry) for entry in entries]
        self.own_keys: dict[Key, UUID] = {}  # rows may refer to each other, whatever their order
        self.labels = {key.value for key in self.keys if not key.scheme}

    def plan(self) -> ImportPlan:
        self._refuse_repeated()
        self._refuse_labels()
        said = [self._said(match) for match in self.matches]
        self._refuse_circles(said)
        schemes = {key.scheme for key in self.own_keys} - {key.scheme for key in self.keys} - {""}
        return ImportPlan(list(map(_step, self.matches, said)), sorted(schemes))

    def _match(self, entry: Entry) -> _Match:
        """By its codes; without one that is known, by its label."""
        found = {self.keys[key] for key in entry.keys if key.scheme and key in self.keys}
        if not found and entry.slug and Key("", entry.slug) in self.keys:
            found = {self.keys[Key("", entry.slug)]}
        own_id = next(iter(found)) if len(found) == 1 else uuid4()
        match = _Match(entry, own_id, self.known.get(own_id, {}))
        if len(found) > 1:
            match.fault("identifiers", "These codes belong to different administrations.")
        if not found:
            _refuse_incomplete(match)
        return match

    def _refuse_repeated(self) -> None:
        seen: set[UUID] = set()
        for match in self.matches:
            keys = list(match.entry.keys)
            if match.id in seen or any(key in self.own_keys for key in keys):
                match.fault("line", "An earlier row of this file means the same administration.")
            seen.add(match.id)
            self.own_keys |= {key: match.id for key in keys if key not in self.own_keys}
        self.labels |= {key.value for key in self.own_keys if not key.scheme}

    def _refuse_labels(self) -> None:
        renamed = [each for each in self.matches if each.known and each.entry.slug not in {None, each.known["slug"]}]
        served = queries.served(each.id for each in renamed)
        for match in renamed:
            if match.id in served:
                match.fault("slug", "This label stands in addresses of instances and cannot change any more.")
            if Key("", str(match.entry.slug)) in self.keys:
                match.fault("slug", "Another administration has this label.")

    def _said(self, match: _Match) -> Json:
        """What the row says, by column; a new administration without a label gets one."""
        entry, slug = match.entry, match.entry.slug
        if not match.known and not slug:
            slug = rules.free_label(rules.label_from(match.id, entry.names, entry.codes), self.labels)
            self.labels.add(slug)
        facts = {"kind": entry.kind, "slug": slug}
        links = {f"{link}_id": self._linked(match, link, key) for link, key in entry.links.items()}
        names = {f"name_{language}": name for language, name in entry.names.items()}
        return {key: fact for key, fact in (facts | links | names | dict(entry.codes)).items() if fact is not None}

    def _linked(self, match: _Match, link: str, key: Key) -> UUID | None:
        found = self.own_keys.get(key) or self.keys.get(key)
        if found is None:
            match.fault(link, "There is no administration with this label or code, neither known nor in this file.")
        return found

    def _refuse_circles(self, said: Sequence[Json]) -> None:
        moved = {
            match.id: facts["parent_id"]
            for match, facts in zip(self.matches, said, strict=True)
            if "parent_id" in facts
        }
        parents = {own_id: facts.get("parent_id") for own_id, facts in self.known.items()} | moved
        for match in self.matches:
            if match.id in moved and match.id in _above(match.id, parents):
                match.fault("parent", "It would stand above itself in the hierarchy.")


def _keys(known: Row[Any]) -> Iterator[Key]:
    yield Key("", known.slug)
    yield from (Key(*code) for code in known.identifiers.items())


def _facts(known: Row[Any]) -> Json:
    names = {f"name_{language}": name for language, name in known.names.items()}
    return {**{column: getattr(known, column) for column in COLUMNS}, **names, **known.identifiers}


def _refuse_incomplete(match: _Match) -> None:
    entry = match.entry
    missing = {
        "kind": None if entry.kind else "A new administration needs a kind.",
        "name_fr": None if entry.names else "A new administration needs a name.",
        "slug": None if [*entry.keys] else "It needs a label or a code, to be recognised the next time.",
    }
    for column, detail in missing.items():
        if detail and not any(fault["pointer"] == column for fault in entry.faults.errors):
            match.fault(column, detail)


def _above(own_id: UUID, parents: Mapping[UUID, UUID | None]) -> set[UUID]:
    above: set[UUID] = set()
    at = parents.get(own_id)
    while at and at not in above:
        above.add(at)
        at = parents.get(at)
    return above


def _step(match: _Match, said: Json) -> Step:
    after = {column: fact for column, fact in said.items() if fact != match.known.get(column)}
    outcome = Outcome.CHANGED if after else Outcome.UNCHANGED
    if not match.known:
        outcome = Outcome.CREATED
    if match.entry.faults.errors:
        outcome = Outcome.REJECTED
    before = {column: match.known[column] for column in after if column in match.known}
    columns = {column: said.get(column, match.known.get(column)) for column in COLUMNS}
    return Step(match.entry.line, outcome, match.id, before, after, columns, match.entry.faults.errors)
