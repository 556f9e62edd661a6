"""How what a host has differs from what the register says. Pure: no clock, no database."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from provisioner.db import Json
from provisioner.findings.lifecycle import Kind
from provisioner.instances.lifecycle import LIVE, NOTICE, State

RUNNING = "running"
COPY = "_copy"  # what the service of a restore drill is called, after its instance
LONGEST = 100  # characters of a name that a host tells
MOST_CHANGES = 20  # sentences of a check that are kept


@dataclass(frozen=True)
class Known:
    """An instance, as the register knows it. `here`: it is to be on the host that was looked at."""

    id: UUID
    short_id: str
    state: State
    runtime: str  # "<app>-<version>" of the release that is applied; empty if none is
    here: bool = True
    in_doubt: bool = False  # a job may have changed it while the host was looked at, or is still to change it
    drift: Sequence[str] = ()  # what its last check said, unless something has put it right since

    @property
    def serves(self) -> str:
        return NOTICE if self.state is State.SUSPENDED else self.runtime


@dataclass(frozen=True)
class Service:
    state: str
    serves: str


@dataclass(frozen=True)
class Seen:
    """What a host has, by name."""

    instances: frozenset[str] = frozenset()  # folders
    notices: frozenset[str] = frozenset()  # folders
    services: Mapping[str, Service] = field(default_factory=dict)
    databases: frozenset[str] = frozenset()  # and roles

    @classmethod
    def of(cls, report: Json) -> "Seen":
        """From the report of the module host_survey; ValueError if it is not one."""
        try:
            return cls(
                _names(report["folders"]["instances"]),
                _names(report["folders"]["notices"]),
                {_name(name): Service(_name(each["state"]), _name(each["serves"])) for name, each in _items(report)},
                _names(report["databases"]) | _names(report["roles"]),
            )
        except (KeyError, TypeError, AttributeError) as wrong:
            raise ValueError("the report of the host is not understood") from wrong

    @property
    def names(self) -> frozenset[str]:
        return self.instances | self.notices | self.services.keys() | self.databases


def _items(report: Json) -> Iterable[tuple[Any, Any]]:
    return report["services"].items()  # type: ignore[no-any-return]


def _names(told: Iterable[Any]) -> frozenset[str]:
    return frozenset(map(_name, told))


def _name(told: Any) -> str:
    return str(told)[:LONGEST]


@dataclass(frozen=True)
class Difference:
    kind: Kind
    subject: str
    instance_id: UUID | None = None
    detail: Json = field(default_factory=dict)


def compare(known: Iterable[Known], seen: Seen) -> list[Difference]:
    """All differences, at most one of each kind for a name. Of what is in doubt nothing is said."""
    by_name = {each.short_id: each for each in known}
    expected = (each for each in by_name.values() if each.here and each.state in LIVE and not each.in_doubt)
    found = [difference for each in expected for difference in _of_instance(each, seen)]
    return [*found, *_unknown(by_name, seen)]


def doubtful(known: Iterable[Known]) -> set[str]:
    """The names of which this comparison knows nothing."""
    return {name for each in known if each.in_doubt for name in (each.short_id, f"{each.short_id}{COPY}")}


def _of_instance(known: Known, seen: Seen) -> Iterator[Difference]:
    service = seen.services.get(known.short_id)
    if known.short_id not in seen.instances:
        yield Difference(Kind.MISSING_INSTANCE, known.short_id, known.id, {"service": service is not None})
        return
    if service is None:
        yield Difference(Kind.MISSING_SERVICE, known.short_id, known.id)
    elif service.state != RUNNING:
        yield Difference(Kind.NOT_RUNNING, known.short_id, known.id, {"found": service.state})
    if service and known.serves and service.serves != known.serves:
        detail = {"found": service.serves, "expected": known.serves}
        yield Difference(Kind.OTHER_RELEASE, known.short_id, known.id, detail)
    if known.drift:
        changes = [str(change) for change in known.drift[:MOST_CHANGES]]
        yield Difference(Kind.CHANGED_FILES, known.short_id, known.id, {"changes": changes})


def _unknown(by_name: Mapping[str, Known], seen: Seen) -> Iterator[Difference]:
    parts = (
        (Kind.UNKNOWN_INSTANCE, seen.instances | seen.notices),
        (Kind.UNKNOWN_SERVICE, seen.services.keys()),
        (Kind.UNKNOWN_DATABASE, seen.databases),
    )
    for kind, names in parts:
        for name in sorted(names):
            owner = by_name.get(name) or by_name.get(name.removesuffix(COPY))
            if owner is None:
                yield Difference(kind, name)
            elif not owner.in_doubt and not (owner.here and owner.short_id == name):
                yield Difference(kind, name, owner.id, {"state": owner.state.value})
