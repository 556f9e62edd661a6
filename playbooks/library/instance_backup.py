"""Ansible module: take a verified backup of an instance."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import tarfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.tenant import TENANT, Tenant
from ansible.module_utils.tenant_postgres import CONNECTION, ClusterError, Database

DOCUMENTATION = r"""
module: instance_backup
short_description: Take a verified backup of an instance
description:
  - Its files as a tar archive, its database in PostgreSQL's custom format, and a manifest of sizes and SHA-256 sums.
  - SQLite files are copied by SQLite itself, so that the service may go on meanwhile.
  - The backup is read back before it gets its name, so one that has its name is whole. One that is there is kept.
options:
  folder:
    description: Folder of this backup.
    type: path
    required: true
  root:
    description: Folder of the instance.
    type: path
    required: true
  leave_out:
    description: Names at the top of the instance's folder that are not worth keeping.
    type: list
    elements: str
    default: [logs]
  database:
    description: The instance's database, with the options of M(instance_database), if it has one.
    type: dict
  tenant:
    description: The unix user that the instance runs as, as in M(instance_files), if it has one.
    type: dict
  version:
    description: The release that the data belongs to.
    type: str
    required: true
  required:
    description: Whether an instance that has no folder is a failure; otherwise there is nothing to back up.
    type: bool
    default: true
  among:
    description: How many backups whose names begin alike are left in the same folder, this one included; 0 for all.
    type: int
    default: 0
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Back up before the update
  instance_backup:
    folder: /srv/provisioner/backups/a1b2c3d4e5/before-0193a0c5
    root: /srv/provisioner/instances/a1b2c3d4e5
    version: 2.2.0
"""

RETURN = r"""
prov_report:
  description: C(backup) with its path, release, bytes, time (UTC) and the SHA-256 sum of its manifest.
  type: dict
  returned: when there is one
"""

FILES = "files.tar"
DUMP = "database.dump"
MANIFEST = "manifest.json"
SQLITE = b"SQLite format 3\0"
COPY = ".copy"  # of an SQLite file, while it is packed
BESIDE_SQLITE = ("-wal", "-shm", "-journal")  # what a copy by SQLite itself does not need


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_sqlite(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(SQLITE)) == SQLITE


def snapshot(path: Path, copy: Path) -> None:
    """A copy of an SQLite file as of one moment, whoever is writing to it; raises if it is damaged."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as source, closing(sqlite3.connect(copy)) as to:
        source.backup(to)
        if to.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise ValueError(f"{path.name} is damaged")
    shutil.copystat(path, copy)


def is_beside_sqlite(path: Path) -> bool:
    return any(
        path.name.endswith(ending) and is_sqlite(path.with_name(path.name.removesuffix(ending)))
        for ending in BESIDE_SQLITE
    )


def pack(root: Path, tar: tarfile.TarFile, leave_out: list[str]) -> None:
    copy = root / COPY
    copy.unlink(missing_ok=True)
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if name.parts[0] in (*leave_out, COPY) or not is_kept(path) or is_beside_sqlite(path):
            continue
        try:
            add(tar, path, str(name), copy)
        except FileNotFoundError:
            if path.exists() or path.is_symlink():
                raise
            # the service has removed it meanwhile


def is_kept(path: Path) -> bool:
    """Sockets and pipes hold nothing, and to open a pipe would be to wait for somebody."""
    return path.is_symlink() or path.is_file() or path.is_dir()


def add(tar: tarfile.TarFile, path: Path, name: str, copy: Path) -> None:
    if is_sqlite(path):
        snapshot(path, copy)
    tar.add(copy if copy.exists() else path, arcname=name, recursive=False)
    copy.unlink(missing_ok=True)


def verify(folder: Path, database: Database | None) -> None:
    """Read everything back; raises if a part cannot be read."""
    with tarfile.open(folder / FILES) as tar:
        tar.getmembers()
    if database and "TABLE DATA" not in database.as_owner("pg_restore", "--list", source=folder / DUMP):
        raise ValueError("the dump holds no table")


def describe(folder: Path, version: str) -> None:
    parts = {path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in sorted(folder.iterdir())}
    taken_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    text = json.dumps({"version": version, "taken_at": taken_at, "parts": parts}, indent=2)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def take(params: dict[str, Any], folder: Path) -> None:
    aside = folder.with_name(f".{folder.name}.taking")
    for rest in folder.parent.glob(".*.taking"):  # of runs that were killed
        shutil.rmtree(rest, ignore_errors=True)
    aside.mkdir(mode=0o700, parents=True)
    try:
        fill(params, aside)
        aside.replace(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)  # half of one would only take the room that was missing


def fill(params: dict[str, Any], folder: Path) -> None:
    database = Database.of(params["database"]) if params["database"] else None
    with tarfile.open(folder / FILES, "w") as tar, Tenant.of(params["tenant"]).acting():
        pack(Path(params["root"]), tar, params["leave_out"])
    if database:
        database.as_owner("pg_dump", "--format=custom", "--no-owner", target=folder / DUMP)
    verify(folder, database)
    describe(folder, params["version"])


def prune(folder: Path, among: int) -> None:
    """Leave only the newest of those that have the same first word in their names, and nothing of killed runs."""
    alike = sorted(folder.parent.glob(f"{folder.name.partition('-')[0]}-*"), key=lambda path: path.stat().st_mtime)
    backups = [path for path in alike if path.is_dir()]
    for path in backups[:-among]:
        shutil.rmtree(path)
    for path in alike:
        if not path.is_dir():
            path.unlink(missing_ok=True)


def report(folder: Path) -> dict[str, Any]:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return {
        "path": str(folder),
        "version": manifest["version"],
        "taken_at": manifest["taken_at"],
        "bytes": sum(part["bytes"] for part in manifest["parts"].values()),
        "sha256": sha256(folder / MANIFEST),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "root": {"type": "path", "required": True},
            "leave_out": {"type": "list", "elements": "str", "default": ["logs"]},
            "database": {"type": "dict", "options": CONNECTION},
            "tenant": TENANT,
            "version": {"type": "str", "required": True},
            "required": {"type": "bool", "default": True},
            "among": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    folder = Path(module.params["folder"])
    if not module.params["required"] and not Path(module.params["root"]).exists():
        module.exit_json(changed=False)
    changed = not folder.exists()
    try:
        if changed and not module.check_mode:
            take(module.params, folder)
            if module.params["among"]:
                prune(folder, module.params["among"])
    except (OSError, ValueError, sqlite3.Error, tarfile.TarError, ClusterError) as problem:
        module.fail_json(msg=f"No backup could be taken, nothing was changed: {problem}")
    facts = {"prov_report": {"backup": report(folder)}} if folder.exists() else {}
    module.exit_json(changed=changed, **facts)


if __name__ == "__main__":
    main()
