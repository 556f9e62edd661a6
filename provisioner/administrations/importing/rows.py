"""The file to import: its columns, and what each of its rows says. An empty cell says nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from provisioner.administrations import rules
from provisioner.administrations.kinds import Kind, Language
from provisioner.administrations.queries import LINKS
from provisioner.administrations.rules import Faults
from provisioner.errors import Invalid
from provisioner.exchange import csv_files

NAMES = {f"name_{language}": language.value for language in Language}


class Key(NamedTuple):
    """By what people name an administration: a code of a scheme, or its label, which has no scheme."""

    scheme: str
    value: str


@dataclass(frozen=True)
class Entry:
    """One row. `faults` are those of its cells; more are found when it is compared with the register."""

    line: int
    kind: Kind | None
    slug: str | None
    names: Mapping[str, str]  # by language
    codes: Mapping[str, str]  # by scheme
    links: Mapping[str, Key]
    faults: Faults

    @property
    def keys(self) -> Iterator[Key]:
        yield from (Key(*code) for code in self.codes.items())
        if self.slug:
            yield Key("", self.slug)


def read(stream: BinaryIO) -> list[Entry]:
    """What the file says; Invalid if it cannot be read as a whole."""
    lines = csv_files.read(stream)
    if lines:
        _refuse_unknown_columns(lines[0].cells)
    return [_entry(line.number, line.cells) for line in lines]


def _refuse_unknown_columns(cells: Mapping[str, str]) -> None:
    """Every other column is a scheme of codes, so that a misspelt column would become one: only plain words do."""
    unknown = [column for column in _schemes(cells) if not rules.SCHEME.fullmatch(column)]
    if unknown:
        raise Invalid("These columns are not known: %(columns)s.", columns=", ".join(unknown))


def _schemes(cells: Mapping[str, str]) -> list[str]:
    return [column for column in cells if column not in {"kind", "slug", *LINKS, *NAMES}]


def _entry(number: int, cells: Mapping[str, str]) -> Entry:
    said = {column: text.strip() for column, text in cells.items() if text.strip()}
    faults = Faults()
    names = {NAMES[key]: faults.read(key, rules.name, NAMES[key], said[key]) for key in NAMES if key in said}
    codes = {key: faults.read(key, rules.code, key, said[key]) for key in _schemes(said)}
    return Entry(
        line=number,
        kind=faults.read("kind", rules.kind, said["kind"]) if "kind" in said else None,
        slug=faults.read("slug", rules.label, said["slug"]) if "slug" in said else None,
        names={language: name for language, name in names.items() if name},
        codes={scheme: code for scheme, code in codes.items() if code},
        links={link: _key(said[link]) for link in LINKS if link in said},
        faults=faults,
    )


def _key(reference: str) -> Key:
    scheme, colon, value = reference.partition(":")
    return Key(scheme, value) if colon else Key("", reference)
