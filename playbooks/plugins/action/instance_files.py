"""Reads the files that the module instance_files puts on the host; they live on the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase


def read(tree: Path) -> list[dict[str, str]]:
    paths = sorted(path for path in tree.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return [{"path": str(path.relative_to(tree)), "content": path.read_text(encoding="utf-8")} for path in paths]


class ActionModule(ActionBase):  # type: ignore[misc] # ansible ships no types
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        tree = arguments.pop("tree", None)
        arguments["files"] = [*(read(Path(tree)) if tree else []), *arguments.get("files", [])]
        result: dict[str, Any] = self._execute_module(module_args=arguments, task_vars=task_vars)
        return result
