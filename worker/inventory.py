"""The inventory of a run. Every string in it is marked as data, so that Ansible never evaluates it.

A text such as `{{ lookup('pipe', 'id') }}` in the name of an administration would otherwise run as a command on the
controller (docs/decisions/0002-every-string-is-data.md).
"""

from pathlib import Path
from typing import Any

import yaml


class _Data(str):
    """A text that Ansible must take as it is."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class says what it takes
        return True


_Dumper.add_representer(_Data, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style='"'))


def _as_data(value: Any) -> Any:
    if isinstance(value, dict):
        return {_as_data(key): _as_data(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_data(each) for each in value]
    return _Data(value) if isinstance(value, str) else value


def _variables(given: dict[str, Any]) -> dict[str, Any]:
    """The names of the variables are ours; all below them is data."""
    return {name: _as_data(value) for name, value in given.items()}


def write(path: Path, servers: dict[str, dict[str, Any]], instances: dict[str, dict[str, Any]]) -> None:
    """Write the YAML inventory: variables per server and per instance; the file is readable by its owner alone."""
    groups = {"servers": servers, "instances": instances}
    tree = {
        "all": {
            "children": {
                group: {"hosts": {name: _variables(given) for name, given in hosts.items()}}
                for group, hosts in groups.items()
            }
        }
    }
    path.touch(mode=0o600)
    path.write_text(yaml.dump(tree, Dumper=_Dumper, allow_unicode=True, sort_keys=False), encoding="utf-8")
