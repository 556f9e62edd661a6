"""What a run tells of itself."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.worker.playing import INSTANCE, heard, order, python
from worker import telling
from worker.run import Run, ready

SECRET = "sesame-open"
TASKS = [
    {"name": "Say", "ansible.builtin.debug": {"msg": "hello"}},
    {"name": "Loop", "ansible.builtin.command": {"argv": ["echo", "{{ item }}"]}, "loop": ["one", "two"]},
    {"name": "Hide", "ansible.builtin.command": {"argv": ["sh", "-c", f"echo {SECRET}; exit 1"]}, "no_log": True},
    {"name": "Skip", "ansible.builtin.debug": {"msg": "never"}, "when": False},
    {"name": "Copy", "ansible.builtin.copy": {"content": "new\n", "dest": "{{ there }}", "mode": "0600"}, "diff": True},
    {"name": "Warn", "ansible.builtin.file": {"path": "{{ there }}", "state": "file", "mode": "{{ mode }}"}},
    python("Fail", "import sys; sys.exit('It went pop.')") | {"ignore_errors": False},
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """By a run of all these tasks; what may fail does."""
    folder = tmp_path_factory.mktemp("story")
    tasks = [task | {"ignore_errors": task["name"] != "Fail"} for task in TASKS]
    given = order(folder / "project", *tasks, there=str(folder / "copy"), mode=600)
    with Run(given, "story", 60, 1e9) as run:
        messages = heard(run)
    ready.discard()
    return messages


def of(told: list[dict[str, Any]], task: str) -> list[dict[str, Any]]:
    return [each for each in told if each.get("task") == task]


def test_an_event_says_where_it_happened_and_what_came_of_it(told: list[dict[str, Any]]) -> None:
    begun, failed = of(told, "Fail")

    assert begun["stdout"].startswith("\nTASK [Fail] ***")
    assert begun["kind"] == "runner_on_start"
    cmd = failed["result"].pop("cmd")
    assert cmd[1:] == ["-c", "import sys; sys.exit('It went pop.')"]
    assert failed.pop("stdout").startswith('fatal: [abc]: FAILED! => {"')
    assert failed == {
        "kind": "runner_on_failed",
        "play": "Play",
        "role": "",
        "task": "Fail",
        "module": "ansible.builtin.command",
        "host": INSTANCE,
        "changed": True,
        "result": {"msg": "non-zero return code", "rc": 1, "stderr": "It went pop."},
    }


def test_each_outcome_of_a_task_has_its_kind(told: list[dict[str, Any]]) -> None:
    kinds = {name: [each["kind"] for each in of(told, name)][1:] for name in ("Say", "Loop", "Hide", "Skip", "Copy")}

    assert kinds == {
        "Say": ["runner_on_ok"],
        "Loop": ["runner_item_on_ok", "runner_item_on_ok", "runner_on_ok"],
        "Hide": ["runner_on_ignored"],
        "Skip": ["runner_on_skipped"],
        "Copy": ["runner_on_file_diff", "runner_on_ok"],
    }


def test_what_ansible_prints_of_an_event_stands_in_it_and_nothing_twice(told: list[dict[str, Any]]) -> None:
    said = [each["stdout"] for name in ("Say", "Loop", "Copy") for each in of(told, name)[1:]]

    assert said == [
        'ok: [abc] => {\n    "msg": "hello"\n}',
        "changed: [abc] => (item=one)",
        "changed: [abc] => (item=two)",
        "",
        f"--- before\n+++ after: {of(told, 'Copy')[2]['result']['diff'][0]['after_header']}\n@@ -0,0 +1 @@\n+new\n",
        "changed: [abc]",
    ]


def test_what_shall_not_be_logged_is_not_told(told: list[dict[str, Any]]) -> None:
    assert of(told, "Hide")[1]["result"] == {}
    assert "censored" in of(told, "Hide")[1]["stdout"]
    assert SECRET not in json.dumps(told)


def test_the_end_says_which_hosts_failed(told: list[dict[str, Any]]) -> None:
    recap, end = told[-2:]

    assert recap["kind"] == "playbook_on_stats"
    assert f"\n{INSTANCE} " in recap["stdout"]
    assert end == {"end": "failed", "reason": "", "looked": True, "failed": [INSTANCE], "unreachable": []}


def test_one_event_is_never_longer_than_a_worker_can_bear() -> None:
    flood = telling.outcome({"diff": ["x" * (telling.LONGEST + 1)] * 200})
    assert {len(each) for each in flood["result"]["diff"]} == {telling.LONGEST}

    line = telling.line(telling.event("runner_on_ok", "y" * 9, task="Flood", host=INSTANCE) | flood)

    event = json.loads(line)
    assert len(line) < telling.LONGEST_LINE
    assert (event["task"], event["stdout"], event["result"]) == ("Flood", "", {"msg": "[too much to be kept]"})


def test_what_is_said_where_there_is_no_event_is_told_too(tmp_path: Path) -> None:
    given = order(tmp_path / "project", {"name": "No such", "ansible.builtin.no_such_module": {}})

    with Run(given, "story", 60, 1e9) as run:
        messages = heard(run)
    ready.discard()

    assert messages[-1]["end"] == "failed"
    assert any(each.get("kind") == "verbose" and "no_such_module" in each["stdout"] for each in messages)
