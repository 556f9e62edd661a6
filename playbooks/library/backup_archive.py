"""Ansible module: keep a backup in the store, encrypted."""

from __future__ import annotations

import json
import shutil
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyrage
from ansible.module_utils.backup_store import STORE, Store, hide_secrets_only, sha256
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.durable import recalled, remember

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTATION = r"""
module: backup_archive
short_description: Keep a backup in the store, encrypted
description:
  - Packs the folder that M(instance_backup) left, encrypts it (age, X25519) for whoever has the key, puts it into the
    store and reads it back from there. Only then the folder is removed, and with it what has grown too old.
  - The host knows the key to encrypt and not the one to decrypt.
options:
  folder:
    description: Folder of the backup.
    type: path
    required: true
  name:
    description: Its name in the store.
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
  recipient:
    description: The public key, C(age1...).
    type: str
    required: true
  receipt:
    description: File in which what was kept is noted, for a later attempt that finds the folder gone.
    type: path
  expired:
    description: Names in the store that are to be removed once the new one is safe.
    type: list
    elements: str
    default: []
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Keep the backup
  backup_archive:
    folder: /srv/provisioner/backups/a1b2c3d4e5/taken-0193a0c5
    name: a1b2c3d4e5/0193a0c5.tar.age
    store: s3://backups/provisioner
    recipient: age1...
"""

RETURN = r"""
prov_report:
  description:
    - C(backup) with its name, store, release, bytes, time and SHA-256 sum; C(expired), what was removed; C(lingering),
      what should have been and could not, with the reason.
  type: dict
  returned: when there is one
"""

MANIFEST = "manifest.json"


@contextmanager
def encrypted(folder: Path, recipient: str) -> Iterator[Path]:
    """Beside the folder, as long as it is needed."""
    packed, sealed = folder.with_suffix(".tar"), folder.with_suffix(".tar.age")
    try:
        with tarfile.open(packed, "w") as tar:
            tar.add(folder, arcname=".")
        pyrage.encrypt_file(str(packed), str(sealed), [pyrage.x25519.Recipient.from_str(recipient)])
        packed.unlink()
        yield sealed
    finally:
        for rest in (packed, sealed):
            rest.unlink(missing_ok=True)


def keep(params: dict[str, Any], store: Store) -> dict[str, Any]:
    folder, name = Path(params["folder"]), params["name"]
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    with encrypted(folder, params["recipient"]) as sealed:
        total, size = sha256(sealed), sealed.stat().st_size
        store.put(sealed, name)
    if store.sum_of(name) != total:
        raise ValueError(f"the store gives back something else than {name}")
    told = {"version": manifest["version"], "taken_at": manifest["taken_at"]}
    return {"name": name, "store": params["store"], "bytes": size, "sha256": total, **told}


def clear(params: dict[str, Any], store: Store) -> dict[str, Any]:
    """Remove what has grown too old. What cannot be removed is no reason to doubt the new one: it is told."""
    expired, lingering = [], {}
    for name in params["expired"]:
        if name == params["name"]:
            continue
        try:
            store.remove(name)
            expired.append(name)
        except Exception as problem:  # noqa: BLE001 - as below
            lingering[name] = str(problem)
    return {"expired": expired, **({"lingering": lingering} if lingering else {})}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **STORE,
            "folder": {"type": "path", "required": True},
            "recipient": {"type": "str", "required": True},
            "receipt": {"type": "path"},
            "expired": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    hide_secrets_only(module)
    folder, receipt = Path(module.params["folder"]), module.params["receipt"]
    changed = folder.exists()
    if not changed:
        known = recalled(receipt)
        ours = known.get("backup", {}).get("name") == module.params["name"]
        module.exit_json(changed=False, **({"prov_report": known} if ours else {}))
    if module.check_mode:
        module.exit_json(changed=True)
    try:
        store = Store(module.params["store"], module.params["options"])
        report = {"backup": keep(module.params, store), **clear(module.params, store)}
        if receipt:
            remember(Path(receipt), report)
        shutil.rmtree(folder)
    except Exception as problem:  # noqa: BLE001 - each kind of store has errors of its own
        module.fail_json(msg=f"The backup could not be kept: {problem}")
    module.exit_json(changed=True, prov_report=report)


if __name__ == "__main__":
    main()
