"""What a run may take and know."""

import json
import os
import resource
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provisioner import config
from tests.running import processes
from tests.worker.playing import INSTANCE, heard, order, python
from worker import run as runs
from worker.run import Run

# Several processes of 60 MB each, so that none is too large but all together are.
GREEDY = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        kept = os.urandom(1000) * 60_000
        time.sleep(600)
time.sleep(600)
"""
GREEDY_ALONE = "print(len(bytearray(10**12)))"


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "settings", lambda: replace(config.load({}), run_memory=400))


def results(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each["result"] for each in messages if each.get("host") == INSTANCE and each.get("result")]


@pytest.mark.usefixtures("little_memory")
def test_a_run_whose_processes_take_too_much_together_is_killed(tmp_path: Path) -> None:
    name = f"greedy-{os.getpid()}"
    with Run(order(tmp_path, python("Take much", GREEDY)), name, 60, time.monotonic()) as run:
        said = heard(run)
        run.kill()

        assert run.out_of_memory
    assert not any("end" in each for each in said)
    assert processes(name) == []


def test_one_process_gets_no_more_than_the_whole_run(tmp_path: Path) -> None:
    with Run(order(tmp_path, python("Take much", GREEDY_ALONE)), "greedy", 60, time.monotonic()) as run:
        said = heard(run)

    assert said[-1]["end"] == "failed"
    assert "MemoryError" in results(said)[-1]["stderr"]


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a process of a run knows and may, and how its files looked."""
    for name in ("PROVISIONER_DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "SSH_AUTH_SOCK", "SOMETHING"):
        monkeypatch.setenv(name, "canary")
    script = (
        "import json, os, resource; "
        "print(json.dumps({'environment': dict(os.environ), 'core': resource.getrlimit(resource.RLIMIT_CORE)}))"
    )
    with Run(order(tmp_path / "project", python("Tell", script)), f"known-{os.getpid()}", 60, time.monotonic()) as run:
        said = heard(run)
        folder = run._folder
        files = {each: oct(each.lstat().st_mode & 0o077) for each in [folder, *folder.rglob("*")]}
        texts = [each.read_bytes() for each in files if each.is_file()]
    return json.loads(results(said)[-1]["stdout"]) | {"folder": folder, "files": files, "texts": texts}


def test_a_run_knows_nothing_of_the_workers_environment(known: dict[str, Any]) -> None:
    assert "canary" not in str(known["environment"])
    assert not any(b"canary" in text for text in known["texts"])


def test_a_run_leaves_no_core_behind(known: dict[str, Any]) -> None:
    assert known["core"] == [0, 0]
    assert resource.getrlimit(resource.RLIMIT_CORE)[1] != 0  # ours is not touched


def test_the_files_of_a_run_are_in_memory_and_for_nobody_else_and_gone_afterwards(known: dict[str, Any]) -> None:
    assert set(known["files"].values()) == {"0o0"}
    assert known["folder"].parent == Path("/dev/shm")
    assert not known["folder"].exists()


def test_what_ansible_keeps_for_its_tasks_on_this_machine_goes_with_the_run(tmp_path: Path) -> None:
    given = order(tmp_path, python("Act", "print('done')"))
    settings = tmp_path / "ansible.cfg"
    settings.write_text(settings.read_text().replace("[defaults]", "[defaults]\nkeep_remote_files = True"))

    with Run(given, "kept", 60, time.monotonic()) as run:
        heard(run)
        kept = [file.name for file in (run._folder / "tmp").rglob("AnsiballZ_command.py")]

    assert kept


def test_the_texts_of_our_environment_that_a_run_may_see_hold_no_password() -> None:
    ours = {"PIP_INDEX_URL": "https://reader:pass%20word1@wheels.example/simple", "http_proxy": "http://proxy:3128"}

    assert runs.passwords(ours) == {"pass%20word1", "pass word1"}
