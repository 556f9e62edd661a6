"""What a worker learns of an event of ansible-runner's."""

from typing import Any

from worker.supervisor import told

RESULT = {"changed": True, "msg": "It went pop.", "rc": 1, "secret": "no business of ours"}


def event(**more: Any) -> dict[str, Any]:
    data = {
        "play": "Update",
        "role": "files",
        "task": "Copy",
        "task_action": "copy",
        "host": "a",
        "res": RESULT,
        **more,
    }
    return {"event": "runner_on_failed", "stdout": "fatal: [a]", "event_data": data}


def test_an_event_says_where_it_happened_and_what_came_of_it() -> None:
    assert told(event(), 7) == {
        "counter": 7,
        "kind": "runner_on_failed",
        "stdout": "fatal: [a]",
        "play": "Update",
        "role": "files",
        "task": "Copy",
        "module": "copy",
        "host": "a",
        "changed": True,
        "result": {"msg": "It went pop.", "rc": 1},
    }


def test_a_failure_that_the_playbook_ignores_is_none() -> None:
    assert told(event(ignore_errors=True), 1)["kind"] == "runner_on_ignored"
    assert told(event(ignore_errors=None), 1)["kind"] == "runner_on_failed"
