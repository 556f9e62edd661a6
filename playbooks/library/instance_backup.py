"""Ansible module: take a verified backup of an instance."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.tenant_postgres import CONNECTION, ClusterError, Database

DOCUMENTATION = r"""
module: instance_backup
short_description: Take a verified backup of an instance
description:
  - Its files as a tar archive, its database in PostgreSQL's custom format, and a manifest of sizes and SHA-256 sums.
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
  version:
    description: The release that the data belongs to.
    type: str
    required: true
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


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def pack(root: Path, archive: Path, leave_out: list[str]) -> None:
    with tarfile.open(archive, "w") as tar:
        for path in sorted(root.iterdir()):
            if path.name not in leave_out:
                tar.add(path, arcname=path.name)


def verify(folder: Path, database: Database | None) -> None:
    """Read everything back; raises if a part cannot be read."""
    with tarfile.open(folder / FILES) as tar:
        tar.getmembers()
    if database and "TABLE DATA" not in database.as_owner("pg_restore", "--list", str(folder / DUMP)):
        raise ValueError("the dump holds no table")


def describe(folder: Path, version: str) -> None:
    parts = {path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in sorted(folder.iterdir())}
    taken_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    text = json.dumps({"version": version, "taken_at": taken_at, "parts": parts}, indent=2)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def take(params: dict[str, Any], folder: Path) -> None:
    aside = folder.with_name(f".{folder.name}.taking")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700, parents=True)
    database = Database.of(params["database"]) if params["database"] else None
    pack(Path(params["root"]), aside / FILES, params["leave_out"])
    if database:
        database.as_owner("pg_dump", "--format=custom", "--no-owner", f"--file={aside / DUMP}")
    verify(aside, database)
    describe(aside, params["version"])
    aside.replace(folder)


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
            "version": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    folder = Path(module.params["folder"])
    changed = not folder.exists()
    try:
        if changed and not module.check_mode:
            take(module.params, folder)
    except (OSError, ValueError, tarfile.TarError, ClusterError) as problem:
        module.fail_json(msg=f"No backup could be taken, nothing was changed: {problem}")
    facts = {"prov_report": {"backup": report(folder)}} if folder.exists() else {}
    module.exit_json(changed=changed, **facts)


if __name__ == "__main__":
    main()
