"""Ansible module: give a host the runtime of one release."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: runtime_venv
short_description: Give a host the runtime of one release
description:
  - Builds a virtual environment from a folder of wheels, without any network, once per host under a file lock.
  - It is built where it stays, in a folder of its own, and the name of the release points at it only when it is whole.
options:
  root:
    description: Where the host keeps its runtimes.
    type: path
    required: true
  name:
    description: Name of the runtime, C(<app>-<version>).
    type: str
    required: true
  wheels:
    description:
      - Folder of wheels on the controller; an action plugin brings them to the host as a tar archive if it needs them.
      - Without it, the module only tells whether they are needed.
    type: path
  digest:
    description: Tells one content of the runtime from another.
    type: str
    required: true
  python:
    description: The interpreter to build with.
    type: path
    required: true
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Build the runtime
  runtime_venv:
    root: /srv/provisioner/runtimes
    name: complaints-2.6.0
    wheels: /srv/provisioner/wheels/0f343b0931126a20
    digest: 0f343b0931126a20
    python: /usr/bin/python3
"""

RETURN = r"""
path:
  description: Path of the runtime, the same for every content.
  type: str
  returned: always
lacking:
  description: The runtime is not there, and no wheels were given to build it.
  type: bool
  returned: always
"""


def build(place: Path, wheels: Path, python: str) -> None:
    if wheels.is_file():
        with tempfile.TemporaryDirectory(dir=place.parent) as unpacked, tarfile.open(wheels) as parcel:
            parcel.extractall(unpacked)  # noqa: S202 - the controller has just packed it
            build(place, Path(unpacked), python)
        return
    shutil.rmtree(place, ignore_errors=True)
    install = ["-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check"]
    given = ["install", "--no-index", "--no-deps", *(str(wheel) for wheel in sorted(wheels.glob("*.whl")))]
    if has_pip(python):
        run(python, "-m", "venv", "--without-pip", str(place))
        run(python, *install, "--python", str(place), *given)
    else:  # it brings one for new environments alone
        run(python, "-m", "venv", str(place))
        run(f"{place}/bin/python", *install, *given)


def has_pip(python: str) -> bool:
    return subprocess.run([python, "-c", "import pip"], capture_output=True, check=False).returncode == 0


def run(*command: str) -> None:
    # Whoever an instance runs as has to read the runtime, whatever the umask of this run.
    subprocess.run(command, check=True, capture_output=True, text=True, umask=0o022)


def point(link: Path, place: Path) -> None:
    aside = link.with_name(f".{link.name}.new")
    aside.unlink(missing_ok=True)
    aside.symlink_to(place.name)
    aside.replace(link)


def is_whole(link: Path, place: Path) -> bool:
    """Whether the release points at this content and its interpreter still exists."""
    return link.is_symlink() and link.readlink() == Path(place.name) and (place / "bin" / "python").exists()


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "wheels": {"type": "path"},
            "digest": {"type": "str", "required": True},
            "python": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    root, name = Path(module.params["root"]), module.params["name"]
    link, place = root / name, root / f"{name}.{module.params['digest']}"
    changed = not is_whole(link, place)
    lacking = changed and not module.params["wheels"]
    if changed and not lacking and not module.check_mode:
        root.mkdir(mode=0o755, parents=True, exist_ok=True)
        with (root / ".lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            try:
                if not is_whole(link, place):
                    build(place, Path(module.params["wheels"]), module.params["python"])
                    point(link, place)
            except subprocess.CalledProcessError as refusal:
                module.fail_json(msg=f"The runtime {name} could not be built.\n{refusal.stderr.strip()}")
    module.exit_json(changed=changed, path=str(link), lacking=lacking)


if __name__ == "__main__":
    main()
