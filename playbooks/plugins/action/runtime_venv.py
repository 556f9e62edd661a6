"""Brings the wheels of a release to a host that has not built its runtime yet, in one parcel: it needs no network."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

HERE = ("local", "warm")  # connections to hosts that see the controller's folders


class ActionModule(ActionBase):  # type: ignore[misc] # ansible ships no types
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if self._connection.transport in HERE:
            return self._called(arguments, task_vars)
        wheels = Path(arguments.pop("wheels"))
        found = self._called(arguments, task_vars)
        if not found.get("lacking"):
            return found
        parcel = self._sent(wheels)
        return self._called({**arguments, "wheels": parcel}, task_vars)

    def _called(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(module_args=arguments, task_vars=task_vars)
        return result

    def _sent(self, wheels: Path) -> str:
        """Where the parcel lies on the host; Ansible removes the folder with the task."""
        remote = f"{self._make_tmp_path()}/wheels.tar"
        with tempfile.NamedTemporaryFile(suffix=".tar") as parcel:
            with tarfile.open(parcel.name, "w") as tar:
                for wheel in sorted(wheels.glob("*.whl")):
                    tar.add(wheel, wheel.name)
            self._transfer_file(parcel.name, remote)
        return str(remote)
