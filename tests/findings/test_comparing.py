"""How a host differs from the register: for every register and every host."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, strategies

from provisioner.findings.comparing import COPY, RUNNING, Difference, Known, Seen, Service, compare, doubtful
from provisioner.findings.lifecycle import Kind, decisions
from provisioner.instances.lifecycle import LIVE, State

RUNTIME = "complaints-1.0"
NAMES = ["a000000001", "b000000002", "c000000003", "d000000004"]
ONE = Known(UUID(int=1), NAMES[0], State.ACTIVE, RUNTIME)

names = strategies.sampled_from(NAMES)
services = strategies.builds(
    Service, strategies.sampled_from([RUNNING, "stopped", "fatal"]), strategies.sampled_from([RUNTIME, "notice", ""])
)
hosts = strategies.builds(
    Seen,
    strategies.frozensets(names),
    strategies.frozensets(names),
    strategies.dictionaries(strategies.one_of(names, names.map(lambda name: name + COPY)), services),
    strategies.frozensets(names),
)
registers = strategies.lists(
    strategies.builds(
        Known,
        strategies.uuids(),
        names,
        strategies.sampled_from(list(State)),
        strategies.sampled_from([RUNTIME, "complaints-2.0"]),
        strategies.booleans(),
        strategies.booleans(),
        strategies.sampled_from([(), ("file x differs",)]),
    ),
    unique_by=lambda known: known.short_id,
)


def in_order(known: list[Known]) -> Seen:
    """A host that has what these say and nothing else."""
    here = {each.short_id: each for each in known if each.here and each.state in LIVE}
    return Seen(frozenset(here), frozenset(), {name: Service(RUNNING, each.serves) for name, each in here.items()})


def kinds(found: list[Difference]) -> list[Kind]:
    return [each.kind for each in found]


@given(registers)
def test_a_host_that_has_what_the_register_says_differs_in_nothing(known: list[Known]) -> None:
    assert compare([replace(each, drift=()) for each in known], in_order(known)) == []


@given(registers, hosts)
def test_a_difference_has_one_kind_and_one_subject_and_something_can_be_decided_on_it(
    known: list[Known], seen: Seen
) -> None:
    found = compare(known, seen)

    assert len({(each.kind, each.subject) for each in found}) == len(found)
    assert all(decisions(each.kind) for each in found)


@given(registers, hosts)
def test_nothing_is_said_of_what_a_job_may_be_changing(known: list[Known], seen: Seen) -> None:
    assert {each.subject for each in compare(known, seen)}.isdisjoint(doubtful(known))


@given(registers, hosts)
def test_only_names_that_are_not_to_be_here_are_unknown(known: list[Known], seen: Seen) -> None:
    here = {each.short_id for each in known if each.here}
    unknown = {each.subject for each in compare(known, seen) if each.kind.value.startswith("unknown")}

    assert unknown.isdisjoint(here)
    assert unknown <= seen.names


@given(registers, hosts)
def test_every_name_that_the_register_does_not_have_here_is_found(known: list[Known], seen: Seen) -> None:
    owners = {name for each in known for name in (each.short_id, each.short_id + COPY)}
    strange = seen.names - owners

    assert strange <= {each.subject for each in compare(known, seen)}


@given(registers, hosts, strategies.randoms())
def test_the_order_of_the_register_does_not_matter(known: list[Known], seen: Seen, random: object) -> None:
    turned = list(reversed(known))

    assert {(each.kind, each.subject) for each in compare(known, seen)} == {
        (each.kind, each.subject) for each in compare(turned, seen)
    }


@pytest.mark.parametrize(
    ("known", "service", "expected"),
    [
        (ONE, Service(RUNNING, RUNTIME), []),
        (ONE, None, [Kind.MISSING_SERVICE]),
        (ONE, Service("fatal", RUNTIME), [Kind.NOT_RUNNING]),
        (ONE, Service(RUNNING, "complaints-2.0"), [Kind.OTHER_RELEASE]),
        (ONE, Service(RUNNING, "notice"), [Kind.OTHER_RELEASE]),
        (replace(ONE, state=State.SUSPENDED), Service(RUNNING, "notice"), []),
        (replace(ONE, state=State.SUSPENDED), Service(RUNNING, RUNTIME), [Kind.OTHER_RELEASE]),
        (replace(ONE, drift=("x differs",)), Service(RUNNING, RUNTIME), [Kind.CHANGED_FILES]),
        (replace(ONE, state=State.FAILED), None, []),
        (replace(ONE, in_doubt=True), None, []),
        (replace(ONE, state=State.REMOVED, here=False), None, [Kind.UNKNOWN_INSTANCE]),
        (replace(ONE, here=False), Service(RUNNING, RUNTIME), [Kind.UNKNOWN_INSTANCE, Kind.UNKNOWN_SERVICE]),
    ],
)
def test_what_differs_is_named(known: Known, service: Service | None, expected: list[Kind]) -> None:
    seen = Seen(frozenset({known.short_id}), services={known.short_id: service} if service else {})

    assert kinds(compare([known], seen)) == expected


def test_of_an_instance_whose_folder_is_not_there_that_is_all_that_is_said() -> None:
    (found,) = compare([replace(ONE, drift=("everything",))], Seen())

    assert (found.kind, found.detail) == (Kind.MISSING_INSTANCE, {"service": False})


def test_the_service_of_a_drill_is_in_doubt_while_the_drill_lasts_and_unknown_afterwards() -> None:
    seen = Seen(frozenset({ONE.short_id}), services={ONE.short_id: Service(RUNNING, RUNTIME)} | {
        ONE.short_id + COPY: Service(RUNNING, RUNTIME)
    })  # fmt: skip

    assert compare([replace(ONE, in_doubt=True)], seen) == []
    assert [(each.kind, each.subject) for each in compare([ONE], seen)] == [(Kind.UNKNOWN_SERVICE, ONE.short_id + COPY)]


@pytest.mark.parametrize("wrong", [{}, {"folders": []}, {"folders": {"instances": [], "notices": []}, "services": []}])
def test_a_report_of_another_shape_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not understood"):
        Seen.of(wrong)
