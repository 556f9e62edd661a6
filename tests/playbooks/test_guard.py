from pathlib import Path

import pytest


@pytest.fixture
def guard(module, tmp_path: Path):
    def ask(fence: int, **changes: object) -> dict[str, object]:
        return module("instance_guard", folder=str(tmp_path), instance="a000000001", fence=fence, **changes)

    return ask


def test_a_later_job_is_let_through_and_counts_as_no_change(guard):
    guard(3)

    result = guard(4)

    assert (result["changed"], result["highest"]) == (False, 4)


def test_an_attempt_of_the_same_job_is_let_through_again(guard):
    guard(3)

    assert "failed" not in guard(3)


def test_a_job_that_lost_its_claim_is_refused(guard):
    guard(4)

    result = guard(3)

    assert result["failed"]
    assert result["msg"] == "Nothing was touched: this job carries fence 3, and the host has served fence 4."


def test_looking_only_keeps_no_fence_but_refuses_a_low_one(guard):
    guard(4)
    guard(9, check=True)

    assert guard(5)["highest"] == 5
    assert guard(4, check=True)["failed"]


def test_nothing_is_touched_where_the_runtime_is_missing(guard, tmp_path: Path):
    result = guard(1, requires=[str(tmp_path / "runtimes" / "complaints-2.6.0")])

    assert result["failed"]
    assert "complaints-2.6.0" in result["msg"]
    assert not list(tmp_path.glob("*.fence"))
