"""What a supervisor tells the worker."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from worker import supervisor
from worker.supervisor import Story


def told(channel: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in channel.getvalue().splitlines()]


def test_a_machine_without_room_is_the_reason_that_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(**_: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path))

    monkeypatch.setattr(supervisor, "init_runner", refuse)
    channel = io.StringIO()

    supervisor._play(tmp_path, {"project": "/nowhere", "playbook": "x.yml", "forks": 1}, None, Story(channel))

    assert told(channel) == [{"end": "error", "reason": "No space left on device"}]


def test_one_event_is_never_longer_than_a_worker_can_bear(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = io.StringIO()
    flood = {"res": {"diff": ["x" * supervisor.LONGEST] * 200}, "task": "Flood", "host": "abc"}

    Story(channel).tell({"event": "runner_on_ok", "stdout": "", "event_data": flood})

    (event,) = told(channel)
    assert len(channel.getvalue()) < supervisor.LONGEST_LINE
    assert (event["task"], event["result"]["msg"]) == ("Flood", "[too much to be kept]")


def test_the_end_says_which_hosts_failed_and_which_did_not_answer() -> None:
    channel = io.StringIO()
    story = Story(channel)
    looked = {"failures": {"abc": 1}, "dark": {"xyz": 1}, "ok": {"abc": 3}}

    story.tell({"event": "playbook_on_stats", "stdout": "", "event_data": looked})
    story.close("failed")

    assert told(channel)[-1] == {
        "end": "failed",
        "reason": "",
        "looked": True,
        "failed": ["abc"],
        "unreachable": ["xyz"],
    }
