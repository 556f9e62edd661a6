"""What a name, a label and a code have to look like, and how faults are gathered. No database in sight."""

import re
from collections.abc import Callable, Container, Mapping
from itertools import count
from typing import ParamSpec, TypeVar
from uuid import UUID

from provisioner.administrations.folding import LABEL_LENGTH, clean, slug
from provisioner.administrations.kinds import Kind, Language, NameType
from provisioner.errors import Invalid

LONGEST_NAME = 300
LONGEST_CODE = 100
LABEL = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
SCHEME = re.compile(r"[a-z][a-z0-9.-]{0,39}")
ROOM_FOR_NUMBER = LABEL_LENGTH - len("-9999")
ICE = re.compile(r"[0-9]{15}")

P = ParamSpec("P")
T = TypeVar("T")


class Fault(ValueError):
    """What is wrong with one value, as a sentence for the person who gave it."""


class Faults:
    """Gathers the faults of many values, so that people see them all at once."""

    def __init__(self) -> None:
        self.errors: list[dict[str, str]] = []

    def read(self, pointer: str, rule: Callable[P, T], *given: P.args, **more: P.kwargs) -> T | None:
        """What the rule makes of the value; None, and a fault kept, if it refuses."""
        try:
            return rule(*given, **more)
        except Fault as fault:
            self.errors.append({"pointer": pointer, "detail": str(fault)})
            return None

    def refuse(self) -> None:
        """Invalid if there was any fault."""
        if self.errors:
            raise Invalid(errors=self.errors)


def name(language: str, text: str) -> str:
    """The name in that language, without what cannot be seen."""
    if language not in list(Language):
        raise Fault("Names are kept in Arabic (ar), French (fr), English (en) and Amazigh (zgh).")
    cleaned = clean(text)
    if not cleaned:
        raise Fault("A name cannot be empty.")
    if len(cleaned) > LONGEST_NAME:
        raise Fault("A name has at most 300 characters.")
    return cleaned


def label(text: str) -> str:
    """A label that can stand in a host name."""
    if not LABEL.fullmatch(text):
        raise Fault("Use 1 to 32 letters a to z, digits and hyphens; the first a letter, the last no hyphen.")
    return text


def kind(text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError:
        raise Fault("There is no such kind of administration.") from None


def type_of_name(text: str) -> NameType:
    try:
        return NameType(text)
    except ValueError:
        raise Fault("A name is official, short or alias.") from None


def code(scheme: str, text: str) -> str:
    """The code of that scheme, without what cannot be seen."""
    if not SCHEME.fullmatch(scheme):
        raise Fault("A scheme is named with up to 40 letters a to z, digits, dots and hyphens; the first a letter.")
    cleaned = clean(text)
    if not cleaned:
        raise Fault("A code cannot be empty.")
    if len(cleaned) > LONGEST_CODE:
        raise Fault("A code has at most 100 characters.")
    if scheme == "ice" and not ICE.fullmatch(cleaned):
        raise Fault("An ICE number has exactly 15 digits.")
    return cleaned


def label_from(own_id: UUID, names: Mapping[str, str], codes: Mapping[str, str]) -> str:
    """A label of the French name, else of a code, else of the id: never one in transliterated Arabic."""
    sources = [names.get(Language.FRENCH, ""), *(f"{scheme} {value}" for scheme, value in codes.items())]
    return next(filter(None, map(slug, sources)), f"a-{own_id.hex[:8]}")


def free_label(wanted: str, taken: Container[str]) -> str:
    """The label itself, or the first of label-2, label-3 ... that nobody has."""
    numbered = (wanted[:ROOM_FOR_NUMBER].rstrip("-") + f"-{number}" for number in count(2))
    return wanted if wanted not in taken else next(each for each in numbered if each not in taken)
