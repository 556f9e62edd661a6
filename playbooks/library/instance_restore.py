"""Ansible module: bring an instance back to a backup."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.tenant import TENANT, Tenant
from ansible.module_utils.tenant_postgres import CONNECTION, ClusterError, Database

DOCUMENTATION = r"""
module: instance_restore
short_description: Bring an instance back to a backup
description:
  - Checks every part against the manifest before it touches anything. Files and data are brought back beside those
    that are there, and only when both are whole they take their places.
  - The backup is renamed afterwards, for the instance serves again and a later failure must not use what has grown old.
  - Where no such backup is, nothing had been changed since, and there is nothing to bring back.
options:
  folder:
    description: Folder of the backup.
    type: path
    required: true
  root:
    description: Folder of the instance.
    type: path
    required: true
  database:
    description: The instance's database, with the options of M(instance_database), if it has one.
    type: dict
  tenant:
    description: The unix user that the instance runs as, as in M(instance_files), if it has one.
    type: dict
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Bring the data back
  instance_restore:
    folder: /srv/provisioner/backups/a1b2c3d4e5/before-0193a0c5
    root: /srv/provisioner/instances/a1b2c3d4e5
"""

RETURN = r"""
digest:
  description: What M(instance_files) last converged the folder to.
  type: str
  returned: always
"""

FILES = "files.tar"
DUMP = "database.dump"
MANIFEST = "manifest.json"
RECORD = ".digest"  # written by instance_files
FOLDER_MODE = 0o750


def check(folder: Path) -> None:
    """Compare every part with the manifest; raises if one differs."""
    parts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["parts"]
    for name, kept in parts.items():
        with (folder / name).open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != kept["sha256"]:
                raise ValueError(f"{name} is not what was backed up")


def unpack(archive: Path, fresh: Path, tenant: Tenant) -> None:
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    tenant.take(fresh)
    with tarfile.open(archive) as tar, tenant.acting():
        tar.extraction_filter = getattr(tarfile, "tar_filter", None)  # Python 3.11.4 was the first to have it
        tar.extractall(fresh)  # noqa: S202 - our own archive, and its hash was compared
        fresh.chmod(FOLDER_MODE)


def exchange(root: Path, fresh: Path) -> None:
    """The logs stay, for they tell what went wrong."""
    old = root.with_name(f".{root.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if root.exists():
        if (root / "logs").exists():
            (root / "logs").rename(fresh / "logs")
        root.rename(old)
    fresh.rename(root)
    shutil.rmtree(old, ignore_errors=True)


def load(dump: Path, database: Database) -> None:
    with database.replaced() as fresh:
        target = [f"--dbname={fresh}", "--no-owner", "--exit-on-error", "--single-transaction"]
        database.as_owner("pg_restore", *target, source=dump)


def restore(params: dict[str, Any], folder: Path) -> None:
    root = Path(params["root"])
    fresh = root.with_name(f".{root.name}.fresh")
    tenant = Tenant.of(params["tenant"])
    check(folder)
    try:
        tenant.settle()
        unpack(folder / FILES, fresh, tenant)
        if params["database"] and (folder / DUMP).exists():
            load(folder / DUMP, Database.of(params["database"]))
        exchange(root, fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    os.sync()  # what it was restored from is not needed any more, nor what it lay on before a move
    used = folder.with_name(f"{folder.name}.restored")
    shutil.rmtree(used, ignore_errors=True)
    folder.rename(used)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "root": {"type": "path", "required": True},
            "database": {"type": "dict", "options": CONNECTION},
            "tenant": TENANT,
        },
        supports_check_mode=True,
    )
    folder = Path(module.params["folder"])
    changed = folder.exists()
    try:
        if changed and not module.check_mode:
            restore(module.params, folder)
        with Tenant.of(module.params["tenant"]).acting():
            digest = Path(module.params["root"], RECORD).read_text(encoding="ascii")
    except (OSError, ValueError, KeyError, tarfile.TarError, ClusterError) as problem:
        module.fail_json(msg=f"The instance could not be brought back to {folder}: {problem}")
    module.exit_json(changed=changed, digest=digest)


if __name__ == "__main__":
    main()
