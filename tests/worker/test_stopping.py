"""Ending a run, in every fence that this machine offers: nothing of it lives on, however it hides."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import processes, wait_for
from tests.worker.playing import heard, order, python
from worker import run as runs, sandbox
from worker.run import Run

# Forks, forks twice, leaves the session, becomes a daemon: `mark` names them all, and each writes that it is there.
HIDING = """
import os, subprocess, sys, time
mark, folder = {mark!r}, {folder!r}
def stay(name):
    open(os.path.join(folder, name), "w").close()
    os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", mark, name])
def child(*steps):
    if os.fork() == 0:
        for step in steps:
            step()
        stay("-".join(step.__name__ for step in steps) or "forked")
def twice():
    if os.fork():
        os._exit(0)
def session():
    os.setsid()
def deaf():
    for number in range(3):
        os.close(number)
child()
child(twice)
child(session)
child(session, twice, deaf)
child(session, twice, session, twice, deaf)
stay("parent")
"""
HIDDEN = 6


@pytest.fixture(params=[*sandbox.names(), sandbox.NONE])
def fence(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    if name != sandbox.NONE and not sandbox.works(name):
        pytest.skip(f"no {name} on this machine")
    monkeypatch.setattr(sandbox, "active", lambda: name)
    return name


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[str]:
    """Stands in the command line of everything that the run starts. What a failed test left is killed."""
    mark = f"hiding-{os.getpid()}-{time.monotonic_ns()}"
    yield mark
    for pid in processes(mark):
        os.kill(pid, signal.SIGKILL)


def hide(run: Run, tmp_path: Path, mark: str) -> None:
    heard(run, lambda _: len(list((tmp_path / "there").iterdir())) == HIDDEN)
    wait_for("all of them to be at work", lambda: len(processes(mark, "time.sleep")) >= HIDDEN)


@pytest.fixture
def run(tmp_path: Path, mark: str, fence: str) -> Iterator[Run]:
    (tmp_path / "there").mkdir()
    script = HIDING.format(mark=mark, folder=str(tmp_path / "there"))
    with Run(order(tmp_path / "project", python("Hide", script)), f"{mark}-1", 60, time.monotonic()) as run:
        yield run


def test_whatever_a_run_started_is_named_and_gone(run: Run, tmp_path: Path, mark: str) -> None:
    hide(run, tmp_path, mark)

    stopped = run.stop()

    assert processes(mark) == []
    named = " ".join(command for _, command in stopped.processes)
    assert all(word in named for word in ("parent", "forked", "session-twice-session-twice-deaf", "ansible-playbook"))
    assert "worker.supervisor" not in named
    assert stopped.left == 0


def test_a_supervisor_that_does_not_listen_is_killed_with_all_the_others(run: Run, tmp_path: Path, mark: str) -> None:
    hide(run, tmp_path, mark)
    for pid in processes("worker.supervisor", run._folder.name):
        os.kill(pid, signal.SIGSTOP)

    stopped = run.stop()

    assert processes(mark) == []
    assert stopped.left == 0


def test_nothing_outlives_the_worker(run: Run, tmp_path: Path, mark: str) -> None:
    hide(run, tmp_path, mark)

    run._process.stdin.close()  # as the kernel does when the worker dies

    wait_for("everything to be gone", lambda: not processes(mark), 10)


def test_nothing_outlives_the_patience_of_the_supervisor(tmp_path: Path, mark: str, fence: str) -> None:
    script = HIDING.format(mark=mark, folder=str(tmp_path / "there"))
    (tmp_path / "there").mkdir()
    with Run(order(tmp_path / "project", python("Hide", script)), f"{mark}-1", 6, time.monotonic()) as run:
        hide(run, tmp_path, mark)

        wait_for("the run to end itself", lambda: run.messages(0.1) is None, 60)

        wait_for("everything to be gone", lambda: not processes(mark), 10)
        run.kill()
        assert run.gave_up


def test_what_lives_on_is_counted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    heard(run, bool)
    monkeypatch.setattr(runs.processes, "LONGEST_DEATH", 0.1)
    monkeypatch.setattr(runs.processes, "lives", lambda _: True)

    assert run.stop().left > 0
