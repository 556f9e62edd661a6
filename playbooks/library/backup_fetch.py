"""Ansible module: fetch a backup from the store and decrypt it."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path
from typing import Any

import pyrage
from ansible.module_utils.backup_store import STORE, Store, hide_secrets_only, sha256
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: backup_fetch
short_description: Fetch a backup from the store and decrypt it
description:
  - The folder is as M(instance_backup) left it. Nothing is decrypted whose sum is not the one that was kept.
options:
  folder:
    description: Where the backup is put.
    type: path
    required: true
  name:
    description: Its name in the store.
    type: str
    required: true
  sha256:
    description: SHA-256 sum of what is in the store.
    type: str
    required: true
  store:
    description: URL of the store, C(file://), C(sftp://) or C(s3://).
    type: str
    required: true
  options:
    description:
      - What the store asks for, by the names of fsspec for its kind; C(sftp://) also takes C(known_hosts), lines as in
        ssh's file, and trusts no other server.
    type: dict
    default: {}
  identity:
    description: The secret key, C(AGE-SECRET-KEY-...).
    type: str
    required: true
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Fetch the backup
  backup_fetch:
    folder: /srv/provisioner/backups/a1b2c3d4e5/fetched-0193a0c5
    name: a1b2c3d4e5/0193a0c5.tar.age
    sha256: 0f343b09...
    store: file:///srv/store
    identity: "{{ backups.identity }}"
"""

RETURN = r"""
folder:
  description: Where it is.
  type: str
  returned: always
"""


def fetch(params: dict[str, Any], folder: Path) -> None:
    sealed, packed, aside = (folder.with_suffix(suffix) for suffix in (".tar.age", ".tar", ".unpacking"))
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    clear(folder)
    try:
        Store(params["store"], params["options"]).get(params["name"], sealed)
        if sha256(sealed) != params["sha256"]:
            raise ValueError(f"{params['name']} is not what was kept")
        pyrage.decrypt_file(str(sealed), str(packed), [pyrage.x25519.Identity.from_str(params["identity"])])
        aside.mkdir(mode=0o700)
        unpack(packed, aside)
        aside.replace(folder)
    finally:  # what was decrypted stays nowhere but in the folder
        for rest in (sealed, packed):
            rest.unlink(missing_ok=True)
        shutil.rmtree(aside, ignore_errors=True)


def clear(folder: Path) -> None:
    """What earlier jobs fetched has been used, and what killed ones left is in clear."""
    for rest in folder.parent.glob(f"{folder.name.partition('-')[0]}-*"):
        if rest.is_dir():
            shutil.rmtree(rest)
        else:
            rest.unlink()


def unpack(packed: Path, folder: Path) -> None:
    with tarfile.open(packed) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.4 was the first to have it
        tar.extractall(folder)  # noqa: S202 - our own archive, and its sum was compared


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **STORE,
            "folder": {"type": "path", "required": True},
            "sha256": {"type": "str", "required": True},
            "identity": {"type": "str", "required": True, "no_log": True},
        },
        supports_check_mode=True,
    )
    hide_secrets_only(module)
    folder = Path(module.params["folder"])
    changed = not folder.exists()
    try:
        if changed and not module.check_mode:
            fetch(module.params, folder)
    except Exception as problem:  # noqa: BLE001 - each kind of store has errors of its own
        module.fail_json(msg=f"The backup could not be fetched, nothing was changed: {problem}")
    module.exit_json(changed=changed, folder=str(folder))


if __name__ == "__main__":
    main()
