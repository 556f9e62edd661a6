"""What a worker concludes where a run could not even begin."""

import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from provisioner.instances.variables import RunOrder
from provisioner.jobs.attempts import Claim
from provisioner.jobs.claiming import Batch
from tests import factories
from worker import run


@pytest.fixture
def tasks(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The worker's module, read only once the settings are those of the tests; with an order that needs no playbook."""
    tasks = import_module("worker.tasks")
    order = RunOrder("/nowhere", "x.yml", servers={}, instances={}, secrets=(), changed=False)
    monkeypatch.setattr(tasks, "_order", lambda _: (order, time.monotonic()))
    return tasks


def test_a_run_for_which_there_is_no_room_ends_its_job_with_that_reason(
    claim: Claim, tasks: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run, "FOLDER", tmp_path / "nowhere")

    tasks._carry_out(Batch((claim,), forks=1))

    job = factories.job(claim.job_id)
    assert (job.state, job.cause) == ("failed", "run_broken")  # and known: nothing was touched
    assert job.report == {"reason": "The run could not be started: No such file or directory"}


def test_a_run_for_which_there_is_no_process_ends_its_job_with_that_reason(
    claim: Claim, tasks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(run.subprocess, "Popen", refuse)

    tasks._carry_out(Batch((claim,), forks=1))

    job = factories.job(claim.job_id)
    assert (job.state, job.lease_until) == ("failed", None)
    assert job.report == {"reason": "The run could not be started: Resource temporarily unavailable"}
