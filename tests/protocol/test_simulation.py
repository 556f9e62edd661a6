"""The protocol lives through hundreds of lives full of faults and keeps what it promises in each.

More of them: PROTOCOL_SEEDS=100000. One that failed once more: PROTOCOL_FIRST=<seed> PROTOCOL_SEEDS=1.
"""

import os
from collections import Counter

import pytest

from tests.protocol.simulation import Simulation
from tests.protocol.world import Kind

FIRST = int(os.environ.get("PROTOCOL_FIRST", "0"))
SEEDS = int(os.environ.get("PROTOCOL_SEEDS", "300"))


def test_no_life_breaks_a_promise() -> None:
    for seed in range(FIRST, FIRST + SEEDS):
        life = Simulation(seed).run()
        if wrong := life.wrong():
            pytest.fail("\n".join([f"In the life of seed {seed}:", life.story(), *wrong]), pytrace=False)


def test_the_lives_are_full_of_work_and_of_faults() -> None:
    seen = Counter(entry.kind for seed in range(100) for entry in Simulation(seed).run().world.log)

    assert all(seen[kind] >= 10 for kind in Kind), seen
    assert seen[Kind.END] > 500
    assert seen[Kind.FAULT] > 1000


def test_the_same_seed_lives_the_same_life() -> None:
    assert Simulation(7).run().story() == Simulation(7).run().story() != Simulation(8).run().story()
