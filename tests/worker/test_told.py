"""What a worker learns of an event of ansible-runner's."""

from typing import Any

from worker.supervisor import told

RESULT = {"changed": True, "msg": "It went pop.", "rc": 1, "secret": "no business of ours"}


def event(kind: str = "runner_on_failed", stdout: str = "fatal: [a]", **more: Any) -> dict[str, Any]:
    data = {
        "play": "Update",
        "role": "files",
        "task": "Copy",
        "task_action": "copy",
        "host": "a",
        "res": RESULT,
        **more,
    }
    return {"event": kind, "stdout": stdout, "event_data": data}


def test_an_event_says_where_it_happened_and_what_came_of_it() -> None:
    assert told(event()) == {
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
    assert told(event(ignore_errors=True))["kind"] == "runner_on_ignored"
    assert told(event(ignore_errors=None))["kind"] == "runner_on_failed"


def test_each_instance_is_told_which_task_it_begins_and_nothing_twice() -> None:
    """Ansible says it once for all of them, or again before a result if another one was before it."""
    banner = "\r\nTASK [files : Copy] ***\r\n"

    assert told(event("playbook_on_task_start", banner)) is None
    assert told(event("runner_on_start", ""))["stdout"].startswith("\r\nTASK [files : Copy] **")
    assert told(event("runner_on_ok", f"{banner}ok: [a]"))["stdout"] == "ok: [a]"
    assert told(event("runner_on_ok", "\x1b[0;33mchanged: TASK [x]"))["stdout"] == "\x1b[0;33mchanged: TASK [x]"
