"""What a supervisor tells the worker."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from worker import supervisor, telling
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


def test_what_a_run_told_is_passed_on_to_the_last_whole_line(tmp_path: Path) -> None:
    channel, pipe = io.StringIO(), tmp_path / "story"
    story, events = Story(channel), [telling.event("verbose", f"{number}") for number in range(100)]

    with story.hearing(pipe):
        writer = os.open(pipe, os.O_WRONLY)
        for each in (*events, {"looked": True, "failed": ["abc"], "unreachable": ["xyz"]}):
            os.write(writer, telling.line(each).encode())
        os.write(writer, telling.line(events[0]).encode()[:20])  # and was killed
        os.close(writer)
    story.close("failed")

    end = {"end": "failed", "reason": "", "looked": True, "failed": ["abc"], "unreachable": ["xyz"]}
    assert told(channel) == [*events, end]


def test_what_is_printed_before_there_is_a_callback_is_told() -> None:
    channel = io.StringIO()

    Story(channel).tell({"event": "verbose", "stdout": "ERROR! no such file"})
    Story(channel).tell({"event": "EOF"})

    assert told(channel) == [telling.event("verbose", "ERROR! no such file")]
