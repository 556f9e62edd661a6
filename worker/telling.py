"""Events of a run as lines of JSON: what its callback tells, the supervisor passes on, and the worker keeps."""

import json
from typing import Any

KEPT = ("msg", "rc", "stderr", "stdout", "diff", "cmd", "prov_report")  # of the result of a task
LONGEST = 64 * 1024  # characters of one text
LONGEST_LINE = 4 * 1024 * 1024  # characters of all that is told of one event
Told = dict[str, Any]


def event(kind: str, text: str, **where: str) -> Told:
    """`where`: play, role, task, module and host, as far as there are such."""
    nowhere = dict.fromkeys(("play", "role", "task", "module", "host"), "")
    return {"kind": kind, "stdout": _short(text.removesuffix("\n")), **nowhere, **where, "changed": False, "result": {}}


def outcome(result: dict[str, Any]) -> Told:
    """What came of a task."""
    kept = {name: _short(result[name]) for name in KEPT if result.get(name)}
    return {"changed": bool(result.get("changed", False)), "result": kept}


def line(message: Told) -> str:
    text = json.dumps(message, default=str)
    if len(text) > LONGEST_LINE:
        text = json.dumps(message | {"stdout": "", "result": {"msg": "[too much to be kept]"}})
    return text + "\n"


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value[:LONGEST]
    if isinstance(value, dict):
        return {str(key): _short(each) for key, each in value.items()}
    return [_short(each) for each in value] if isinstance(value, list) else value
