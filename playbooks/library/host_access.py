"""Ansible module: see that whoever signs in on a server may become root there."""

from __future__ import annotations

import getpass
import subprocess

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: host_access
short_description: See that whoever signs in on a server may become root there
description:
  - Asks C(sudo) as whoever signs in, and says in plain words why nothing can be done on the server. It changes nothing.
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: See that whoever signs in may become root
  host_access:
  vars:
    ansible_become: false
"""

RETURN = r""" # """

COMMAND = ["sudo", "-n", "true"]  # a password is asked of nobody


def refusal() -> str:
    """Why nobody becomes root; empty if it is well."""
    try:
        done = subprocess.run(COMMAND, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        return "there is no sudo"
    *_, reason = done.stderr.strip().splitlines() or [f"sudo: {done.returncode}"]  # before it may come warnings
    return reason if done.returncode else ""


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    if why := refusal():
        module.fail_json(
            msg=f"{getpass.getuser()} cannot become root on the server without a password: {why}. Nothing was done."
        )
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
