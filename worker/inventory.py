"""The inventory of a run. Every string in it is marked as data, so that Ansible never evaluates it.

A text such as `{{ lookup('pipe', 'id') }}` in the name of an administration would otherwise run as a command on the
controller (docs/decisions/0002-every-string-is-data.md).
"""

from pathlib import Path
from typing import Any

import yaml


class _Data(dict[str, Any]):
    """Variables of which Ansible must take every text, keys too, as it is.

    The mark stands on the mapping: on a single text it would make Ansible guess its type anew, and `on` or `1.10` would
    not be texts any more.
    """


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class says what it takes
        return True


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')


_Dumper.add_representer(_Data, lambda dumper, given: dumper.represent_mapping("!unsafe", given))
_Dumper.add_representer(str, _quoted)
_Dumper.add_multi_representer(str, _quoted)  # the values of a StrEnum


Hosts = dict[str, dict[str, Any]]


def _data(hosts: Hosts) -> dict[str, _Data]:
    return {name: _Data(given) for name, given in hosts.items()}


def write(path: Path, servers: Hosts, instances: Hosts, arrivals: Hosts | None = None) -> None:
    """Write the YAML inventory: variables per server, per instance, and of those that move, per instance on the server
    that they come to. The file is readable by its owner alone.
    """
    groups: dict[str, Any] = {"servers": {"hosts": _data(servers)}, "instances": {"hosts": _data(instances)}}
    if arrivals:  # they are instances as well, with all that the app says of these
        groups["instances"]["children"] = {"arrivals": {"hosts": _data(arrivals)}}
    tree = {"all": {"children": groups}}
    path.touch(mode=0o600)
    path.write_text(yaml.dump(tree, Dumper=_Dumper, allow_unicode=True, sort_keys=False), encoding="utf-8")
