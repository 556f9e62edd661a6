"""Ansible module: put back the files that a new configuration exchanged."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.exchanged import put_back
from ansible.module_utils.tenant import TENANT, Tenant

DOCUMENTATION = r"""
module: instance_undo
short_description: Put back the files that a new configuration exchanged
description:
  - Makes the files as they were when M(instance_files) kept them. The data of the instance is left alone.
  - Where nothing was kept nothing had been exchanged, and only the digest is told.
options:
  file:
    description: Where M(instance_files) kept them, its option C(undo).
    type: path
    required: true
  root:
    description: Folder of the instance.
    type: path
    required: true
  tenant:
    description: The unix user that the instance runs as, as in M(instance_files), if it has one.
    type: dict
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Put the files back
  instance_undo:
    file: /srv/provisioner/backups/a1b2c3d4e5/undo-0193a0c5.json
    root: /srv/provisioner/instances/a1b2c3d4e5
"""

RETURN = r"""
digest:
  description: What M(instance_files) had converged the folder to.
  type: str
  returned: always
"""

RECORD = ".digest"  # written by instance_files


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "file": {"type": "path", "required": True},
            "root": {"type": "path", "required": True},
            "tenant": TENANT,
        },
        supports_check_mode=True,
    )
    undo, root, tenant = Path(module.params["file"]), Path(module.params["root"]), Tenant.of(module.params["tenant"])
    try:
        changed = undo.exists() if module.check_mode else put_back(undo, root, tenant)
        with tenant.acting():
            digest = (root / RECORD).read_text(encoding="ascii")
    except (OSError, ValueError, KeyError) as problem:
        module.fail_json(msg=f"The files of before could not be put back: {problem}")
    module.exit_json(changed=changed, digest=digest)


if __name__ == "__main__":
    main()
