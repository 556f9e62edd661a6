"""The deadline of each job of a run: who has come through does not suffer for who hangs. The runs are real."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from provisioner.db import transaction
from provisioner.instances import service as instances
from provisioner.instances.lifecycle import Action
from provisioner.instances.variables import RunOrder
from provisioner.jobs import claiming
from provisioner.jobs.attempts import Claim
from provisioner.jobs.claiming import Batch
from provisioner.jobs.lifecycle import End
from tests import factories
from tests.worker.playing import HERE
from tests.worker.script import Script, began, begin, follower, said
from worker import follow
from worker.follow import Follower
from worker.run import Run, ready

FIRST, SECOND = "first", "second"


@pytest.fixture(autouse=True)
def _ready() -> Iterator[None]:
    yield
    ready.discard()


@pytest.fixture
def batch(app: Flask) -> Batch:
    """Two updates, to be carried out by one run."""
    factories.host()
    factories.app()
    for each in [factories.instance(factories.administration(), release="1.0") for _ in range(2)]:
        factories.asked_to(Action.UPDATE, each.id)
    with transaction():
        found = claiming.claim("worker", [factories.SITE])
    assert found
    assert len(found.claims) == 2
    return found


def sleeping(**seconds: float) -> dict[str, Any]:
    """A play with a task that takes each instance so long."""
    argv = [
        sys.executable,
        "-c",
        "import sys, time; time.sleep(float(sys.argv[1]))",
        "{{ seconds[inventory_hostname] }}",
    ]
    task = {"name": "Sleep", "ansible.builtin.command": {"argv": argv}, "changed_when": True}
    return {"name": "Play", "hosts": "instances", "gather_facts": False, "tasks": [task], "vars": {"seconds": seconds}}


def played(folder: Path, batch: Batch, timeouts: tuple[float, float], *plays: dict[str, Any]) -> list[End]:
    """How the two jobs end, which may take so many seconds each."""
    with transaction() as session:
        for claim, seconds in zip(batch.claims, timeouts, strict=True):
            session.execute(text("UPDATE job SET timeout = :s WHERE id = :id"), {"s": seconds, "id": claim.job_id})
    (folder / "ansible.cfg").write_text("[defaults]\nstrategy = host_pinned\n[connection]\npipelining = True\n")
    (folder / "play.yml").write_text(json.dumps(plays))
    given = {name: dict(HERE) for name in (FIRST, SECOND)}
    order = RunOrder(str(folder), "play.yml", {}, given, secrets=(), changed=False, forks=2)
    ends: dict[Claim, End] = {}
    with Run(order, "deadlines", 60, time.monotonic()) as run:
        for outcomes in Follower(batch, run, order, 60, time.monotonic()).follow():
            with transaction():
                instances.conclude(outcomes)
            ends |= {claim: outcome.end for claim, outcome in outcomes.items()}
    return [ends[claim] for claim in batch.claims]


def test_who_has_come_through_has_succeeded_although_another_hangs_beyond_both_deadlines(
    batch: Batch, tmp_path: Path
) -> None:
    ends = played(tmp_path, batch, (2, 6), sleeping(first=0.1, second=600))

    assert ends == [End.SUCCEEDED, End.DEADLINE]
    assert [factories.job(claim.job_id).state for claim in batch.claims] == ["succeeded", "needs_attention"]


def test_who_only_waits_for_another_is_stopped_once_more_is_done_on_it(batch: Batch, tmp_path: Path) -> None:
    ends = played(tmp_path, batch, (2, 60), sleeping(first=0.1, second=5), sleeping(first=600, second=0.1))

    assert ends == [End.DEADLINE, End.SUCCEEDED]


@pytest.mark.parametrize(("quiet", "end"), [(60, End.BROKEN), (0, End.DEADLINE)])
def test_a_run_in_which_nothing_is_done_may_end_for_a_while(
    claim: Claim, monkeypatch: pytest.MonkeyPatch, quiet: float, end: End
) -> None:
    class Late(Script):
        """The time of the job is over once its turn has come."""

        def admit(self, names: list[str]) -> None:
            with transaction() as session:
                session.execute(text("UPDATE job SET deadline = clock_timestamp() - interval '1 second'"))

    monkeypatch.setattr(follow, "QUIET", quiet)
    monkeypatch.setattr(follow, "LOOK", 0)

    [outcomes] = follower(claim, Late([begin(), began("Copy"), said()], [])).follow()

    assert [outcome.end for outcome in outcomes.values()] == [end]
