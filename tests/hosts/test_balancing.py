"""Proposed moves: what may never be proposed, whatever the estate."""

from hypothesis import given, strategies as st

from provisioner.hosts.balancing import MOST, Lodger, Move, Why, rebalance
from provisioner.hosts.models import HostState
from provisioner.hosts.weighing import Need, Room, unfit

SMALL = Need(memory_mb=100, disk_mb=10)


def furnished(rooms: list[Room], lodgers: list[Lodger]) -> dict[str, Room]:
    """The hosts with what lies on them."""
    left = {room.name: room for room in rooms}
    for lodger in lodgers:
        left[lodger.host] = left[lodger.host].with_one(lodger.need)
    return left


def lodging(host: str, many: int, need: Need = SMALL) -> list[Lodger]:
    return [Lodger(f"{host}-{number}", host, need) for number in range(many)]


def proposed(rooms: list[Room], lodgers: list[Lodger]) -> list[Move]:
    return rebalance(list(furnished(rooms, lodgers).values()), lodgers)


def test_a_full_host_gives_to_an_empty_one_until_they_are_even() -> None:
    rooms = [Room("full", "MA", memory_mb=1000), Room("empty", "MA", memory_mb=1000)]

    moves = proposed(rooms, lodging("full", 8))

    assert [(move.lodger.host, move.to, move.why) for move in moves] == [("full", "empty", Why.MEMORY)] * 4


def test_hosts_that_are_about_even_are_left_alone() -> None:
    rooms = [Room("one", "MA", memory_mb=10_000), Room("other", "MA", memory_mb=10_000)]

    assert proposed(rooms, lodging("one", 11) + lodging("other", 10)) == []


def test_what_lies_on_a_draining_host_goes_to_where_it_suits() -> None:
    rooms = [
        Room("going", "MA", state=HostState.DRAINING),
        Room("here", "MA", memory_mb=1000),
        Room("abroad", "FR", memory_mb=10_000),
    ]
    at_home = Need(memory_mb=600, disk_mb=1, country="MA")

    moves = proposed(rooms, lodging("going", 2, at_home))

    assert [(move.to, move.why) for move in moves] == [("here", Why.DRAINING)]


def test_of_a_host_that_says_nothing_of_its_memory_nobody_knows_how_full_it_is() -> None:
    rooms = [Room("full", "MA", memory_mb=1000), Room("unknown", "MA")]

    assert proposed(rooms, lodging("full", 10)) == []


def test_the_list_is_short() -> None:
    rooms = [Room("full", "MA", memory_mb=100_000), Room("empty", "MA", memory_mb=100_000)]

    assert len(proposed(rooms, lodging("full", 500, Need(memory_mb=100, disk_mb=1)))) <= MOST


ROOMS = st.lists(
    st.builds(
        Room,
        name=st.text("abc", min_size=1, max_size=2),
        country=st.sampled_from(["MA", "FR"]),
        state=st.sampled_from(HostState),
        parked=st.booleans(),
        memory_mb=st.none() | st.integers(50, 2000),
        disk_mb=st.none() | st.integers(50, 2000),
        free_ports=st.none() | st.integers(0, 20),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda room: room.name,
)
NEEDS = st.builds(
    Need, memory_mb=st.integers(1, 400), disk_mb=st.integers(1, 100), country=st.sampled_from(["MA", None])
)


@st.composite
def estates(draw: st.DrawFn) -> tuple[list[Room], list[Lodger]]:
    rooms = draw(ROOMS)
    names = st.sampled_from([room.name for room in rooms])
    lodgers = draw(
        st.lists(
            st.builds(Lodger, key=st.integers(), host=names, need=NEEDS), max_size=30, unique_by=lambda each: each.key
        )
    )
    return list(furnished(rooms, lodgers).values()), lodgers


@given(estates())
def test_each_move_suits_when_its_turn_comes_nothing_moves_twice_and_nobody_gets_fuller_than_the_fullest(
    estate: tuple[list[Room], list[Lodger]],
) -> None:
    rooms, lodgers = estate

    moves = rebalance(rooms, lodgers, most=1000)

    assert len({move.lodger.key for move in moves}) == len(moves)
    left = {room.name: room for room in rooms}
    for move in moves:
        source, target = left[move.lodger.host], left[move.to]
        assert unfit(target, move.lodger.need) is None
        assert not target.parked
        left[source.name], left[target.name] = source.with_one(move.lodger.need, -1), target.with_one(move.lodger.need)
        if move.why is Why.MEMORY:
            after = min(left[source.name].free_share, left[target.name].free_share)
            assert after > min(source.free_share, target.free_share)
        else:
            assert source.state is HostState.DRAINING
