"""Checks on playbooks that need Ansible: they parse, and nothing in them hands a text to a shell."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from provisioner.catalogue.folders import AppFolder, Fault

SHELLS = {"shell", "raw", "script", "expect", "action", "local_action"}
COMMANDS = {"command"}
PLACE = re.compile(
    r"(?:The error appears to be in '|Origin: )(?P<file>[^':\n]+)'?.*?(?:line |:)(?P<line>\d+)", re.DOTALL
)


def check(root: Path, folders: Sequence[AppFolder]) -> list[Fault]:
    """Every fault found in the playbooks of these apps, and in the roles and tasks that apps share."""
    if not folders:
        return []
    faults = [fault for path in _playbooks(root, folders) for fault in _shells(root, path)]
    # Ansible says no more than the first fault: only where it has one is it asked app by app.
    if first := _unparsable(root, folders):
        faults += [fault for folder in folders for fault in _unparsable(root, [folder])] or first
    return faults


def _playbooks(root: Path, folders: Sequence[AppFolder]) -> list[Path]:
    places = (*(f"apps/{folder.slug}/*.yml" for folder in folders), "tasks/*.yml", "roles/*/*/*.yml")
    return [path for place in places for path in sorted(root.glob(place))]


def _keywords(node: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """The keys of plays, blocks and tasks with their values: a module's own arguments are not among them."""
    if not isinstance(node, yaml.SequenceNode):
        return
    for item in node.value:
        for key, value in item.value if isinstance(item, yaml.MappingNode) else ():
            yield key, value
            yield from _keywords(value)


def _shells(root: Path, path: Path) -> Iterator[Fault]:
    """Modules that give a line of text to a shell, and commands that are not a list of arguments."""
    try:
        tree = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return  # the syntax check says it better
    for key, value in _keywords(tree):
        module = key.value.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")
        if module in SHELLS or (module in COMMANDS and not _has_argv(value)):
            reason = f"{key.value} hands a text to a shell or splits it: use command with argv"
            yield Fault(str(path.relative_to(root)), key.start_mark.line + 1, reason)


def _has_argv(value: yaml.Node) -> bool:
    return isinstance(value, yaml.MappingNode) and any(key.value == "argv" for key, _ in value.value)


def _unparsable(root: Path, folders: Sequence[AppFolder]) -> list[Fault]:
    """What `ansible-playbook --syntax-check` says of the actions of these apps, all in one run."""
    books = [f"apps/{folder.slug}/{action}.yml" for folder in folders for action in folder.manifest["actions"]]
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "--syntax-check", "-i", "localhost,", *books]
    environment: dict[str, Any] = {**os.environ, "ANSIBLE_CONFIG": str(root / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    # A host list only: the configured inventory plugins would refuse it.
    environment["ANSIBLE_INVENTORY_ENABLED"] = "host_list"
    environment["LC_ALL"] = "C.UTF-8"  # Ansible refuses to start in any locale that is not UTF-8
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, encoding="utf-8", check=False)
    if done.returncode == 0:
        return []
    place = PLACE.search(done.stderr)
    file, line = (place["file"], int(place["line"])) if place else (f"{root}/{books[0]}", 1)
    reason = next(
        (text for text in done.stderr.splitlines() if text.startswith(("[ERROR]", "ERROR!"))), done.stderr[-500:]
    )
    return [Fault(file.removeprefix(f"{root}/"), line, reason.removeprefix("[ERROR]: "))]
