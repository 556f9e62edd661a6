"""Which host suits, and why the others do not: the rules, without a database."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from provisioner.hosts.models import HostState
from provisioner.hosts.weighing import Need, Room, Unfit, best, foresee, hindrance, unfit

ROOM = Room(
    "server", "MA", frozenset({"rabat"}), memory_mb=1000, disk_mb=1000, labels=frozenset({"ssd"}), free_ports=10
)
NEED = Need(memory_mb=100, disk_mb=100, labels=frozenset({"ssd"}), country="MA", site="rabat")


def test_a_host_that_has_what_is_needed_suits() -> None:
    assert unfit(ROOM, NEED) is None


@pytest.mark.parametrize(
    ("lacking", "why"),
    [
        ({"country": "FR"}, Unfit.COUNTRY),
        ({"sites": frozenset({"fes"})}, Unfit.SITE),
        ({"state": HostState.CORDONED}, Unfit.STATE),
        ({"state": HostState.DRAINING}, Unfit.STATE),
        ({"prepared": False}, Unfit.NOT_PREPARED),
        ({"labels": frozenset({"gpu"})}, Unfit.LABELS),
        ({"memory_taken": 901}, Unfit.MEMORY),
        ({"disk_taken": 901}, Unfit.DISK),
        ({"free_ports": 0}, Unfit.PORTS),
    ],
)
def test_a_host_that_lacks_one_thing_is_left_out_for_that(lacking: dict[str, object], why: Unfit) -> None:
    assert unfit(replace(ROOM, **lacking), NEED) is why


def test_what_is_not_limited_does_not_stop() -> None:
    full = replace(ROOM, memory_mb=None, disk_mb=None, free_ports=None, memory_taken=10**9, disk_taken=10**9)

    assert unfit(full, NEED) is None


def test_the_last_megabyte_may_be_taken() -> None:
    assert unfit(replace(ROOM, memory_taken=900, disk_taken=900, free_ports=1), NEED) is None


def test_data_that_may_lie_anywhere_may_lie_abroad() -> None:
    assert unfit(replace(ROOM, country="FR"), replace(NEED, country=None)) is None


def test_what_is_new_may_begin_at_any_site() -> None:
    assert unfit(replace(ROOM, sites=frozenset({"fes"})), replace(NEED, site=None)) is None


def test_the_most_free_share_of_memory_comes_first_then_the_fewest_instances_then_the_name() -> None:
    small = replace(ROOM, name="small", memory_mb=200, memory_taken=20)
    large = replace(ROOM, name="large", memory_mb=10_000, memory_taken=5000)
    assert best([large, small], NEED) == small

    idle, busy = replace(ROOM, name="z-idle"), replace(ROOM, name="a-busy", instances=3)
    assert best([busy, idle], NEED) == idle
    assert best([replace(ROOM, name="b"), replace(ROOM, name="a")], NEED) == replace(ROOM, name="a")


def test_a_host_that_does_not_answer_gets_what_no_other_can_take() -> None:
    silent, full = replace(ROOM, name="silent", parked=True), replace(ROOM, name="full", memory_taken=900)

    assert best([silent, full], NEED) == full
    assert best([silent, full.with_one(NEED)], NEED) == silent


def test_the_refusal_is_about_the_hosts_that_come_nearest_to_suiting() -> None:
    abroad, cordoned = replace(ROOM, country="FR"), replace(ROOM, state=HostState.CORDONED)
    full = replace(ROOM, memory_taken=1000)

    assert hindrance([full, abroad, cordoned], NEED) is Unfit.MEMORY
    assert hindrance([abroad, cordoned], NEED) is Unfit.STATE
    assert hindrance([abroad], NEED) is Unfit.COUNTRY
    assert hindrance([], NEED) is None


ROOMS = st.lists(
    st.builds(
        Room,
        name=st.text("abc", min_size=1, max_size=3),
        country=st.sampled_from(["MA", "FR"]),
        state=st.sampled_from(HostState),
        memory_mb=st.none() | st.integers(1, 500),
        disk_mb=st.none() | st.integers(1, 500),
        free_ports=st.none() | st.integers(0, 5),
        memory_taken=st.integers(0, 600),
        disk_taken=st.integers(0, 600),
    ),
    max_size=5,
    unique_by=lambda room: room.name,
)
NEEDS = st.builds(
    Need, memory_mb=st.integers(1, 200), disk_mb=st.integers(1, 200), country=st.sampled_from(["MA", None])
)


@given(ROOMS, NEEDS, st.integers(0, 30))
def test_what_is_foreseen_is_what_would_come_of_placing_one_after_the_other(
    rooms: list[Room], need: Need, count: int
) -> None:
    foreseen = foresee(rooms, need, count)

    placed = sum(foreseen.placed.values())
    assert placed == count or (placed < count and best(foreseen.rooms, need) is None)
    before = {room.name: room for room in rooms}
    for room in foreseen.rooms:
        added = foreseen.placed.get(room.name, 0)
        assert room == before[room.name].with_one(need, added)
        if added:
            assert unfit(before[room.name].with_one(need, added - 1), need) is None
