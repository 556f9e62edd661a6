"""What the end of a run means for each of its jobs."""

from typing import Any
from uuid import uuid4

import pytest

from provisioner.jobs.attempts import Claim
from provisioner.jobs.lifecycle import End
from worker.parts import Part, Parts

SERVERS = {"old": {}, "new": {}}  # the one that instances leave comes first


def ended(**more: Any) -> Part:
    """The part of a job that moves its instance, of a run that has failed like this."""
    claim = Claim(uuid4(), uuid4(), "move", 1, 1, "d", uuid4())
    parts = Parts({"a1": claim})
    part = parts["a1"]
    parts.end({"end": "failed", "looked": True, **more}, SERVERS)
    return part


@pytest.mark.parametrize(
    ("dark", "end", "target_silent"),
    [
        (["old", "a1"], End.UNREACHABLE, False),
        (["new", "a1-arriving"], End.UNREACHABLE, True),
        (["a1-arriving"], End.FAILED, True),
        (["old", "new"], End.UNREACHABLE, False),
        ([], End.FAILED, False),
    ],
)
def test_which_of_two_servers_did_not_answer_is_known(dark: list[str], end: End, *, target_silent: bool) -> None:
    part = ended(failed=["a1"], unreachable=dark)

    assert (part.end, part.outcome(touched=True).target_silent) == (end, target_silent)


@pytest.mark.parametrize(
    ("lost", "end"), [({"unreachable": ["a1-arriving"]}, End.UNREACHABLE), ({"failed": ["a1-arriving"]}, End.FAILED)]
)
def test_a_move_that_nothing_settled_has_not_succeeded(lost: dict[str, list[str]], end: End) -> None:
    assert ended(**lost).end == end
