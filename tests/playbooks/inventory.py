"""Writes the inventory of a run for tests: servers, instances, and every string tagged as data, never as a template."""

from pathlib import Path
from typing import Any

import yaml


class Untrusted(yaml.SafeDumper):
    def ignore_aliases(self, _data: Any) -> bool:
        return True


Untrusted.add_representer(str, lambda dumper, text: dumper.represent_scalar("!unsafe", text, style='"'))


def write(path: Path, servers: dict[str, dict[str, Any]], instances: dict[str, dict[str, Any]]) -> None:
    groups = {"servers": {"hosts": servers}, "instances": {"hosts": instances}}
    path.write_text(yaml.dump({"all": {"children": groups}}, Dumper=Untrusted, allow_unicode=True), encoding="utf-8")
