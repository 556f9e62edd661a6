"""Ansible module: erase what an instance has on a host, and look whether it is gone."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.tenant import TENANT, Tenant
from ansible.module_utils.tenant_postgres import CONNECTION, ClusterError, Database

DOCUMENTATION = r"""
module: instance_erase
short_description: Erase what an instance has on a host, and look whether it is gone
description:
  - Removes folders, database, role and unix user, and then looks for each again. The service is removed before.
  - Fails, naming it, if anything is still there.
options:
  address:
    description: Where the service listened, if not on a socket in one of the folders; nobody may answer there any more.
    type: str
  folders:
    description: Folders that are removed with all that is in them.
    type: list
    elements: path
    required: true
  database:
    description: The instance's database, with the options of M(instance_database), if it has one.
    type: dict
  tenant:
    description: The unix user that the instance runs as, as in M(instance_files), if it has one.
    type: dict
  reported:
    description: Whether what was found gone is told in C(prov_report).
    type: bool
    default: false
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Leave nothing of the instance
  instance_erase:
    address: http://127.0.0.1:8101
    folders: [/srv/provisioner/instances/a1b2c3d4e5]
    reported: true
"""

RETURN = r"""
prov_report:
  description: C(erased) with C(folders), C(database), C(user) and C(address), each looked for afterwards and not found.
  type: dict
  returned: if C(reported)
"""


def answers(address: str) -> bool:
    place = urlsplit(address)
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((place.hostname or "", place.port or 80)) == 0


def folders_of(params: dict[str, Any]) -> list[str]:
    return [*params["folders"], *([params["tenant"]["sockets"]] if params["tenant"] else [])]


def what_is_there(params: dict[str, Any]) -> list[str]:
    found = [path for path in folders_of(params) if Path(path).exists() or Path(path).is_symlink()]
    if params["database"]:
        database = Database.of(params["database"])
        found += [f"database {database.name}"] if database.exists() else []
        found += [f"role {database.name}"] if database.has_role() else []
    tenant = Tenant.of(params["tenant"])
    return [*found, *([f"user {tenant.name}"] if tenant.exists else [])]


def erase(params: dict[str, Any]) -> None:
    if params["database"]:
        database = Database.of(params["database"])
        database.drop()
        database.drop_role()
    for path in folders_of(params):
        if Path(path).exists():
            shutil.rmtree(path)
    Tenant.of(params["tenant"]).leave()


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str"},
            "folders": {"type": "list", "elements": "path", "required": True},
            "database": {"type": "dict", "options": CONNECTION},
            "tenant": TENANT,
            "reported": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        found = what_is_there(module.params)
        if found and not module.check_mode:
            erase(module.params)
        left = [] if module.check_mode else what_is_there(module.params)
        address = module.params["address"]
        if not module.check_mode and address and answers(address):
            left.append(f"a service at {address}")
    except (OSError, ClusterError) as problem:
        module.fail_json(msg=f"Not everything could be erased: {problem}")
    if left:
        module.fail_json(msg=f"This is still there: {', '.join(left)}.")
    database, tenant = module.params["database"], module.params["tenant"]
    erased = {
        "folders": folders_of(module.params),
        "database": database["name"] if database else None,
        "user": tenant["name"] if tenant else None,
        "address": address,
    }
    module.exit_json(changed=bool(found), **({"prov_report": {"erased": erased}} if module.params["reported"] else {}))


if __name__ == "__main__":
    main()
