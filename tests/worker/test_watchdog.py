"""A run ends itself when nobody has proven for too long whose it is; an old answer that comes late proves nothing."""

import json
import time

import pytest

from worker import sandbox, supervisor
from worker.gate import Gate
from worker.supervisor import Watchdog

LONG_AGO = 41.0
GATE = Gate(print, [])


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    codes: list[int] = []
    monkeypatch.setattr(supervisor, "die", lambda code=137: codes.append(code))
    return codes


def test_a_run_that_starts_with_an_old_proof_ends_at_once(deaths: list[int]) -> None:
    Watchdog(iter([]), GATE, 40, time.monotonic() - LONG_AGO)._watch()

    assert deaths == [sandbox.GAVE_UP]


def test_an_answer_that_was_long_on_its_way_keeps_no_run_alive(deaths: list[int]) -> None:
    late = json.dumps({"proven": time.monotonic() - LONG_AGO})
    watchdog = Watchdog(iter([late]), GATE, 40, time.monotonic() - LONG_AGO)

    watchdog._listen()
    watchdog._watch()

    assert deaths == [137, sandbox.GAVE_UP]
