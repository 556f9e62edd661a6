"""Ansible module: let only the newest job touch an instance."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.durable import put

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTATION = r"""
module: instance_guard
short_description: Let only the newest job touch an instance
description:
  - Keeps the highest fence seen per instance on its host, under a file lock, and refuses a job with a lower one.
  - Keeping the fence is bookkeeping and no change of the instance, so this module never reports one.
options:
  folder:
    description: Where the host keeps its fences.
    type: path
    required: true
  instance:
    description: Short id of the instance.
    type: str
    required: true
  fence:
    description: The fence of this job's claim; a later claim has a higher one.
    type: int
    required: true
  requires:
    description: Paths that must be on the host before anything is touched, such as the runtime of the release.
    type: list
    elements: path
    default: []
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Refuse a job that lost its claim
  instance_guard:
    folder: /srv/provisioner/guard
    instance: a1b2c3d4e5
    fence: 7
    requires: [/srv/provisioner/runtimes/complaints-2.6.0]
"""

RETURN = r"""
highest:
  description: The highest fence seen, this one included.
  type: int
  returned: always
"""


@contextmanager
def locked(folder: Path, instance: str) -> Iterator[None]:
    descriptor = os.open(folder / f"{instance}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read(record: Path) -> int:
    return int(record.read_text(encoding="ascii")) if record.exists() else 0


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "instance": {"type": "str", "required": True},
            "fence": {"type": "int", "required": True},
            "requires": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    folder, instance, fence = (module.params[name] for name in ("folder", "instance", "fence"))
    if missing := [path for path in module.params["requires"] if not Path(path).exists()]:
        module.fail_json(msg=f"Nothing was touched: the host has no {', '.join(missing)}.")
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(Path(folder), instance):
        record = Path(folder, f"{instance}.fence")
        highest = read(record)
        if fence < highest:
            module.fail_json(
                msg=f"Nothing was touched: this job carries fence {fence}, and the host has served fence {highest}.",
                highest=highest,
            )
        if fence > highest and not module.check_mode:
            put(record, str(fence))
    module.exit_json(changed=False, highest=max(fence, highest))


if __name__ == "__main__":
    main()
