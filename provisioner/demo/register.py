"""The demo register of 2,020 administrations, in the format that `provisioner administrations import` reads.

The regions, provinces, prefectures and ministries (as of the end of 2024) are real, and so are the numbers of communes.
Every other administration is made up, says so in both its names and carries an identifier of the scheme `demo`.
"""

import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from itertools import product
from typing import TextIO

from provisioner.administrations.folding import slug
from provisioner.administrations.kinds import Kind

# Prime, so that steps of this size visit every place name once; large, so that neighbours differ.
_STRIDE = 613

_SEATS = {"region": {Kind.REGION}, "province": {Kind.PROVINCE, Kind.PREFECTURE}}


@dataclass(frozen=True, kw_only=True)
class RegisterRow:
    """One administration; parent, supervisor and territory are slugs, and a missing value is empty."""

    kind: Kind
    slug: str
    name_ar: str
    name_fr: str
    name_en: str = ""
    hcp: str = ""
    iso3166_2: str = ""
    demo: str = ""
    parent: str = ""
    supervisor: str = ""
    territory: str = ""


@dataclass(frozen=True)
class _Name:
    ar: str
    fr: str


def rows() -> Iterator[RegisterRow]:
    """Every administration of the register, each after those it refers to, always the same."""
    real = [RegisterRow(kind=Kind(line.pop("kind")), **line) for line in _read("register.csv")]
    yield from real
    yield from _communes()
    yield from _bodies(real)


def write_csv(stream: TextIO) -> None:
    """Write the register as a file to import: names and links, and one column for each scheme of identifiers."""
    columns = {field.name: field.name.replace("3166_2", "3166-2") for field in fields(RegisterRow)}
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns.values())
    writer.writerows(asdict(row).values() for row in rows())


def _communes() -> Iterator[RegisterRow]:
    """The communes of each province, and after them the arrondissements of its first commune."""
    names = _place_names()
    for line in _read("communes.csv"):
        communes = [_commune(next(names), line["province"]) for _ in range(int(line["communes"]))]
        yield from communes
        for _ in range(int(line["arrondissements"])):
            yield _arrondissement(next(names), communes[0])


def _commune(name: _Name, province: str) -> RegisterRow:
    return _made_up(Kind.COMMUNE, f"commune-{slug(name.fr)}", name, parent=province)


def _arrondissement(name: _Name, commune: RegisterRow) -> RegisterRow:
    return _made_up(Kind.ARRONDISSEMENT, f"arr-{slug(name.fr)}", name, parent=commune.slug)


def _place_names() -> Iterator[_Name]:
    pairs = list(product(_name_parts("first"), _name_parts("second")))
    for step in range(len(pairs)):
        first, second = pairs[step * _STRIDE % len(pairs)]
        yield _Name(f"{first.ar} {second.ar}", f"{first.fr} {second.fr}")


def _name_parts(part: str) -> list[_Name]:
    return [_Name(line["name_ar"], line["name_fr"]) for line in _read("places.csv") if line["part"] == part]


def _bodies(real: list[RegisterRow]) -> Iterator[RegisterRow]:
    """The services, establishments, enterprises, ... that every region or every province has one of."""
    for body in _read("bodies.csv"):
        for seat in real:
            if seat.kind in _SEATS[body["seat"]]:
                yield _body(body, seat)


def _body(body: dict[str, str], seat: RegisterRow) -> RegisterRow:
    _, _, place = seat.slug.partition("-")
    return _made_up(
        Kind(body["kind"]),
        f"{body['stem']}-{place}",
        _Name(f"{body['name_ar']} - {seat.name_ar}", f"{body['name_fr']} - {seat.name_fr}"),
        parent=body["parent"],
        supervisor=body["supervisor"],
        territory=seat.slug,
    )


def _made_up(kind: Kind, label: str, name: _Name, **links: str) -> RegisterRow:
    return RegisterRow(
        kind=kind, slug=label, name_ar=f"{name.ar} (تجريبي)", name_fr=f"{name.fr} (démo)", demo=label, **links
    )


def _read(name: str) -> list[dict[str, str]]:
    text = files("provisioner.demo").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
