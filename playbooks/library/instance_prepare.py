"""Ansible module: let the app prepare the data of an instance."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.tenant import TENANT, Tenant

DOCUMENTATION = r"""
module: instance_prepare
short_description: Let the app prepare the data of an instance
description:
  - Runs a script of the app with the runtime of the release, in the folder of the instance, with a plain environment.
  - The script reads a JSON object with its secrets from standard input. Its last line of output is a JSON object with
    C(changed) and, if it likes, C(report), facts for the inventory. It must do nothing when there is nothing to do.
  - Whoever took over the instance may have written the script, so only the named facts are passed on, and of those only
    short texts, numbers and truth values.
options:
  python:
    description: The interpreter of the runtime.
    type: path
    required: true
  script:
    description: The script, on the host.
    type: path
    required: true
  folder:
    description: The folder of the instance, and the script's current folder.
    type: path
    required: true
  secrets:
    description: What the script reads from standard input; never on a command line, never kept.
    type: dict
    default: {}
  facts:
    description: Names of the facts that the script may report.
    type: list
    elements: str
    default: []
  tenant:
    description: The unix user that the instance runs as, as in M(instance_files), if it has one.
    type: dict
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Create or migrate the tracker's data
  instance_prepare:
    python: /srv/provisioner/runtimes/complaints-2.6.0/bin/python
    script: /srv/provisioner/instances/a1b2c3d4e5/prepare.py
    folder: /srv/provisioner/instances/a1b2c3d4e5
    secrets:
      admin_password: "{{ secrets.admin_password }}"
    facts: [schema_version]
"""

RETURN = r"""
prov_report:
  description: Those of the named facts that the script reported.
  type: dict
  returned: when the script ran
"""

LONGEST = 200  # characters of a fact


def run(params: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [params["python"], "-I", "-B", params["script"]],
        input=json.dumps(params["secrets"]),
        cwd=params["folder"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        **Tenant.of(params["tenant"]).process,
    )


def told(output: str, names: list[str]) -> tuple[bool, dict[str, Any]]:
    """Whether something is different, and the facts; ValueError if the last line is none that a script should print."""
    answer = json.loads(output.strip().rpartition("\n")[2])
    match answer:
        case {"changed": bool(changed), **rest} if isinstance(report := rest.get("report", {}), dict):
            return changed, {name: report[name] for name in names if _is_fact(report.get(name))}
    raise ValueError("the last line of its script does not tell whether it changed anything")


def _is_fact(value: Any) -> bool:
    return isinstance(value, int | float | str) and len(str(value)) <= LONGEST


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "python": {"type": "path", "required": True},
            "script": {"type": "path", "required": True},
            "folder": {"type": "path", "required": True},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "facts": {"type": "list", "elements": "str", "default": []},
            "tenant": TENANT,
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False, skipped=True, msg="Only the script itself can tell, and it is not run to look.")
    try:
        done = run(module.params)
        changed, facts = told(done.stdout, module.params["facts"]) if done.returncode == 0 else (False, {})
    except (OSError, ValueError) as problem:
        module.fail_json(msg=f"The data of the instance could not be prepared: {problem}")
    if done.returncode:
        module.fail_json(msg=f"The data of the instance could not be prepared.\n{done.stderr.strip()[-4000:]}")
    module.exit_json(changed=changed, prov_report=facts)


if __name__ == "__main__":
    main()
