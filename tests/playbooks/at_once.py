"""Calls one of our modules many times at once, in a process each, as a run does: arguments in, results out, as JSON."""

import json
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.module_utils.testing import patch_module_args

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


def begin(main: Any, given: dict[str, Any]) -> tuple[int, Any]:
    said = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - read after its writer has ended
    if pid := os.fork():
        return pid, said
    os.dup2(said.fileno(), 1)
    with patch_module_args(given):
        main()
    raise AssertionError("a module ends by itself")


def end(pid: int, said: Any) -> dict[str, Any]:
    os.waitpid(pid, 0)
    said.seek(0)
    result: dict[str, Any] = json.load(said)
    return result


def main() -> None:
    sys.path.insert(0, str(PLAYBOOKS / "library"))
    ansible.module_utils.__path__.append(str(PLAYBOOKS / "module_utils"))
    module = import_module(sys.argv[1])
    begun = [begin(module.main, given) for given in json.load(sys.stdin)]
    json.dump([end(*one) for one in begun], sys.stdout)


if __name__ == "__main__":
    main()
