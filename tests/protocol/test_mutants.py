"""Each rule of the protocol is needed: a protocol without it is found out, by the lives that the true one survives."""

import pytest

from tests.protocol.model import Protocol
from tests.protocol.mutants import MUTANTS, SLOTS
from tests.protocol.simulation import Simulation
from tests.protocol.worker import Slot

SEEDS = 300  # test_simulation lets the true protocol live at least these


def lives_until_found_out(protocol: type[Protocol] = Protocol, slot: type[Slot] = Slot) -> int | None:
    return next((seed for seed in range(SEEDS) if Simulation(seed, protocol, slot).run().wrong()), None)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_database_without_one_rule_is_found_out(mutant: type[Protocol]) -> None:
    assert lives_until_found_out(protocol=mutant) is not None


@pytest.mark.parametrize("mutant", SLOTS, ids=lambda mutant: mutant.__name__)
def test_a_worker_without_one_rule_is_found_out(mutant: type[Slot]) -> None:
    assert lives_until_found_out(slot=mutant) is not None
