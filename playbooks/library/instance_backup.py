"""Ansible module: take a verified backup of an instance."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.durable import recalled, settle
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
    description:
      - Whether it is a failure that the instance has no folder, or no tables, or that an SQLite file of it is damaged.
        Otherwise what is there is kept as it is, and where nothing is there is nothing to back up.
    type: bool
    default: true
  receipt:
    description: File in which M(backup_archive) noted what an earlier attempt has kept, if there was one.
    type: path
  name:
    description: The name in the store by which the receipt tells that it is of this backup. It is not taken again then.
    type: str
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


def unless_gone(problem: OSError) -> None:
    if not isinstance(problem, FileNotFoundError):
        raise problem


def everything(root: Path) -> list[Path]:
    """All that lies below it; raises if a folder cannot be listed."""
    walked = os.walk(root, onerror=unless_gone)
    return sorted(Path(folder, name) for folder, folders, files in walked for name in (*folders, *files))


def pack(params: dict[str, Any], tar: tarfile.TarFile) -> None:
    root = Path(params["root"])
    copy = root / COPY
    copy.unlink(missing_ok=True)
    for path in everything(root):
        name = path.relative_to(root)
        if name.parts[0] in (*params["leave_out"], COPY) or not is_kept(path) or is_beside_sqlite(path):
            continue
        try:
            add(tar, path, str(name), copy, damaged=not params["required"])
        except FileNotFoundError:
            if path.exists() or path.is_symlink():
                raise
            # the service has removed it meanwhile


def is_kept(path: Path) -> bool:
    """Sockets and pipes hold nothing, and to open a pipe would be to wait for somebody."""
    return path.is_symlink() or path.is_file() or path.is_dir()


def add(tar: tarfile.TarFile, path: Path, name: str, copy: Path, *, damaged: bool) -> None:
    """`damaged`: an SQLite file that can no longer be read goes with the rest as it is."""
    source = path
    if is_sqlite(path):
        try:
            snapshot(path, copy)
            source = copy
        except (sqlite3.Error, ValueError):
            if not damaged:
                raise
    tar.add(source, arcname=name, recursive=False)
    copy.unlink(missing_ok=True)


def verify(folder: Path, database: Database | None, *, tables: bool) -> None:
    """Read everything back; raises if a part cannot be read. `tables`: that there are some."""
    with tarfile.open(folder / FILES) as tar:
        tar.getmembers()
    listed = database.as_owner("pg_restore", "--list", source=folder / DUMP) if database else ""
    if database and tables and "TABLE DATA" not in listed:
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
        settle(folder.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)  # half of one would only take the room that was missing


def fill(params: dict[str, Any], folder: Path) -> None:
    database = database_of(params)
    with tarfile.open(folder / FILES, "w") as tar, Tenant.of(params["tenant"]).acting():
        pack(params, tar)
    if database:
        database.as_owner("pg_dump", "--format=custom", "--no-owner", target=folder / DUMP)
    verify(folder, database, tables=params["required"])
    describe(folder, params["version"])
    settle(*folder.iterdir(), folder)


def database_of(params: dict[str, Any]) -> Database | None:
    """The instance's; if it is not required, only where it is there."""
    database = Database.of(params["database"]) if params["database"] else None
    return database if database and (params["required"] or database.exists()) else None


def is_anything_there(params: dict[str, Any]) -> bool:
    """Raises where something has to be, for an empty backup would take the place of a good one."""
    there = Path(params["root"]).exists()
    if params["required"] and not there:
        raise ValueError(f"the instance has no folder {params['root']}")
    return there or database_of(params) is not None


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


def is_to_take(params: dict[str, Any], folder: Path) -> bool:
    is_kept_already = params["name"] and recalled(params["receipt"]).get("backup", {}).get("name") == params["name"]
    return not is_kept_already and not folder.exists() and is_anything_there(params)


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
            "receipt": {"type": "path"},
            "name": {"type": "str"},
            "among": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    folder = Path(module.params["folder"])
    try:
        changed = is_to_take(module.params, folder)
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
