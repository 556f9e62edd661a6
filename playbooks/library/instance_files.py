"""Ansible module: converge every folder and file of an instance in one call."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.exchanged import keep
from ansible.module_utils.tenant import TENANT, Tenant

DOCUMENTATION = r"""
module: instance_files
short_description: Converge every folder and file of an instance in one call
description:
  - Folders, files, contents and permissions below one root; each file appears whole or not at all.
  - Contents are written as they are, nothing in them is evaluated.
options:
  root:
    description: Folder of the instance.
    type: path
    required: true
  folders:
    description: Folders below the root; those of the files need no mention.
    type: list
    elements: str
    default: []
  files:
    description: Files below the root.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Path below the root.
        type: str
        required: true
      content:
        description: Whole text of the file.
        type: str
        required: true
  trees:
    description:
      - Folders on the controller whose files are put below the root; an action plugin reads them.
      - Where two of them have the same file, the later one counts.
    type: list
    elements: path
  exact:
    description: Folders below the root that hold nothing but what is listed; other files in them are removed.
    type: list
    elements: str
    default: []
  undo:
    description: A file in which everything that is exchanged is kept first, for M(instance_undo).
    type: path
  secrets:
    description: Contents of files in the folder C(secrets), by name, readable by the owner only and never shown.
    type: dict
    default: {}
  tenant:
    description: The unix user that the instance runs as, if it has one; the user is made, and the files are its own.
    type: dict
    suboptions:
      name:
        description: Name of the user and of its group.
        type: str
        required: true
      home:
        description: Its home, which only it can read.
        type: path
        required: true
      sockets:
        description: Folder for the sockets that it listens on, which only it and the proxy can reach.
        type: path
        required: true
      proxy_group:
        description: Group of the proxy.
        type: str
        required: true
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Put the files of the instance in place
  instance_files:
    root: /srv/provisioner/instances/a1b2c3d4e5
    folders: [data, logs]
    tree: "{{ playbook_dir }}/files"
    files:
      - path: portal/metadata.json
        content: "{{ metadata | to_nice_json }}"
    exact: [portal/templates]
    secrets:
      database_password: "{{ secrets.database_password }}"
"""

RETURN = r"""
digest:
  description: SHA-256 over the wanted paths and contents; a service that must restart when they change carries it.
  type: str
  returned: always
drift:
  description: What differed from the wanted state, in sentences.
  type: list
  elements: str
  returned: always
"""

FOLDER_MODE = 0o750
FILE_MODE = 0o640
SECRET_MODE = 0o600
RECORD = ".digest"  # what the folder was last converged to, so that a restored folder can tell


@dataclass(frozen=True)
class Wanted:
    path: PurePosixPath
    content: str
    mode: int

    @property
    def secret(self) -> bool:
        return self.mode == SECRET_MODE


def below(path: str) -> PurePosixPath:
    """The path, if it cannot leave the root."""
    wanted = PurePosixPath(path)
    if wanted.is_absolute() or ".." in wanted.parts or not wanted.parts:
        raise ValueError(f"{path!r} is not a path below the root")
    return wanted


def wanted_files(params: dict[str, Any]) -> list[Wanted]:
    files = [Wanted(below(file["path"]), file["content"], FILE_MODE) for file in params["files"]]
    secrets = [Wanted(below(f"secrets/{name}"), content, SECRET_MODE) for name, content in params["secrets"].items()]
    return sorted(files + secrets, key=lambda wanted: wanted.path)


def wanted_folders(params: dict[str, Any], files: list[Wanted]) -> list[PurePosixPath]:
    named = {below(folder) for folder in params["folders"]} | {wanted.path.parent for wanted in files}
    return sorted(named | {parent for folder in named for parent in folder.parents})


def digest(files: list[Wanted]) -> str:
    total = hashlib.sha256()
    for wanted in files:
        total.update(f"{wanted.path}\0{len(wanted.content)}\0{wanted.content}".encode())
    return total.hexdigest()


def mode_of(path: Path) -> int:
    return path.lstat().st_mode & 0o7777


def current(path: Path) -> str | None:
    if path.is_symlink() or not path.is_file():
        return None
    return path.read_bytes().decode(errors="replace")  # read_text would hide other line endings


def write(path: Path, wanted: Wanted) -> None:
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            os.fchmod(stream.fileno(), wanted.mode)
            stream.write(wanted.content)
        Path(aside).replace(path)
    except OSError:
        Path(aside).unlink()
        raise


class Converge:
    """Compares the root with what is wanted and, unless it only looks, mends it."""

    def __init__(self, root: Path, *, only_look: bool) -> None:
        self.root = root
        self.only_look = only_look
        self.touched: list[PurePosixPath] = []  # files that are exchanged, made or removed
        self.drift: list[str] = []
        self.diff: list[dict[str, str]] = []

    def folder(self, relative: PurePosixPath) -> None:
        path = self.root / relative
        if path.is_dir() and mode_of(path) == FOLDER_MODE:
            return
        self.drift.append(f"folder {relative}: {'permissions differ' if path.is_dir() else 'missing'}")
        if not self.only_look:
            path.mkdir(parents=relative == PurePosixPath(), exist_ok=True)
            path.chmod(FOLDER_MODE)

    def file(self, wanted: Wanted) -> None:
        path = self.root / wanted.path
        before = current(path)
        if before == wanted.content and mode_of(path) == wanted.mode:
            return
        self.drift.append(f"file {wanted.path}: {self._cause(before, wanted)}")
        self.touched.append(wanted.path)
        if not wanted.secret:
            header = {"before_header": str(wanted.path), "after_header": str(wanted.path)}
            self.diff.append({**header, "before": before or "", "after": wanted.content})
        if not self.only_look:
            write(path, wanted)

    def nothing_else(self, folder: PurePosixPath, files: list[Wanted]) -> None:
        listed = {self.root / wanted.path for wanted in files}
        for path in sorted((self.root / folder).rglob("*")):
            if path.is_dir() or path in listed:
                continue
            self.touched.append(PurePosixPath(path.relative_to(self.root)))
            self.drift.append(f"file {self.touched[-1]}: does not belong there")
            if not self.only_look:
                path.unlink()

    def all(self, params: dict[str, Any], files: list[Wanted]) -> None:
        for folder in wanted_folders(params, files):
            self.folder(folder)
        for wanted in files:
            self.file(wanted)
        for folder in params["exact"]:
            self.nothing_else(below(folder), files)

    @staticmethod
    def _cause(before: str | None, wanted: Wanted) -> str:
        if before is None:
            return "missing"
        return "permissions differ" if before == wanted.content else "content differs"


def record(root: Path, total: str) -> None:
    if current(root / RECORD) != total:
        write(root / RECORD, Wanted(PurePosixPath(RECORD), total, FILE_MODE))


def remember(params: dict[str, Any], files: list[Wanted]) -> None:
    """Keep what is about to be exchanged; what an earlier attempt kept was there before."""
    root, undo = Path(params["root"]), Path(params["undo"])
    look, tenant = Converge(root, only_look=True), Tenant.of(params["tenant"])
    with tenant.acting():
        look.all(params, files)
    if look.touched and not undo.exists():
        keep(undo, root, [*look.touched, PurePosixPath(RECORD)], tenant)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "folders": {"type": "list", "elements": "str", "default": []},
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"path": {"type": "str", "required": True}, "content": {"type": "str", "required": True}},
            },
            "undo": {"type": "path"},
            "exact": {"type": "list", "elements": "str", "default": []},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "tenant": TENANT,
        },
        supports_check_mode=True,
    )
    converge = Converge(Path(module.params["root"]), only_look=module.check_mode)
    tenant = Tenant.of(module.params["tenant"])
    try:
        files = wanted_files(module.params)
        converge.drift += tenant.differences()
        if not module.check_mode:
            tenant.settle()
            tenant.take(converge.root)
        if module.params["undo"] and not module.check_mode:
            remember(module.params, files)
        with tenant.acting() if tenant.exists else nullcontext():
            converge.all(module.params, files)
            if not module.check_mode:
                record(converge.root, digest(files))
    except (OSError, ValueError) as problem:
        module.fail_json(msg=f"The files of the instance could not be put in place: {problem}", drift=converge.drift)
    module.exit_json(changed=bool(converge.drift), drift=converge.drift, diff=converge.diff, digest=digest(files))


if __name__ == "__main__":
    main()
