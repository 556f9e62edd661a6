"""Reads the files that the module instance_files puts on the host; they live on the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase


def read(tree: Path) -> dict[str, str]:
    """The texts below a folder, by their path in it."""
    paths = [path for path in tree.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {str(path.relative_to(tree)): path.read_text(encoding="utf-8") for path in paths}


def standing(trees: list[str]) -> list[dict[str, str]]:
    """The files of all trees; where two have the same file, the later one counts."""
    texts: dict[str, str] = {}
    for tree in trees:
        texts |= read(Path(tree))
    return [{"path": path, "content": texts[path]} for path in sorted(texts)]


class ActionModule(ActionBase):  # type: ignore[misc] # ansible ships no types
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        arguments["files"] = [*standing(arguments.pop("trees", [])), *arguments.get("files", [])]
        result: dict[str, Any] = self._execute_module(module_args=arguments, task_vars=task_vars)
        return result
