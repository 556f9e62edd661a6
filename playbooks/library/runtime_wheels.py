"""Ansible module, for the controller: fetch and check the wheels of one release."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: runtime_wheels
short_description: Fetch and check the wheels of one release
description:
  - Runs on the controller. Every package must match a hash of the lock file; what has no wheel is built into one.
  - The folder of wheels is named after the digest of the lock file and appears whole or not at all.
options:
  lock:
    description: A pip requirements file with exact versions and hashes.
    type: path
    required: true
  cache:
    description: Where the folders of wheels are kept.
    type: path
    required: true
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Fetch the wheels
  runtime_wheels:
    lock: "{{ playbook_dir }}/runtimes/2.6.0.txt"
    cache: /srv/provisioner/wheels
  delegate_to: localhost
"""

RETURN = r"""
folder:
  description: The folder of wheels.
  type: str
  returned: always
digest:
  description: Which lock file, for which Python.
  type: str
  returned: always
"""


def digest(lock: Path) -> str:
    python = f"{sys.implementation.cache_tag}-{sys.platform}"
    return hashlib.sha256(lock.read_bytes() + python.encode()).hexdigest()[:16]


def fetch(lock: Path, folder: Path) -> None:
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".fetching-"))
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-input", "--disable-pip-version-check"]
    # An older pip would build in place, with whatever tools it finds there.
    command = [
        *pip,
        "--use-pep517",
        "--no-deps",
        "--require-hashes",
        "--requirement",
        str(lock),
        "--wheel-dir",
        str(aside),
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
        aside.replace(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def main() -> None:
    module = AnsibleModule(
        argument_spec={"lock": {"type": "path", "required": True}, "cache": {"type": "path", "required": True}},
        supports_check_mode=True,
    )
    lock, cache = Path(module.params["lock"]), Path(module.params["cache"])
    wanted = digest(lock)
    folder = cache / wanted
    changed = not folder.exists()
    if changed and not module.check_mode:
        cache.mkdir(mode=0o750, parents=True, exist_ok=True)
        with (cache / ".lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            try:
                if not folder.exists():
                    fetch(lock, folder)
            except subprocess.CalledProcessError as refusal:
                module.fail_json(msg=f"The packages of {lock.name} could not be fetched.\n{refusal.stderr.strip()}")
    module.exit_json(changed=changed, folder=str(folder), digest=wanted)


if __name__ == "__main__":
    main()
