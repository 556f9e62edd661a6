"""Ansible module: make a server fit for instances, or say what it lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: host_prepare
short_description: Make a server fit for instances, or say what it lacks
description:
  - Looks for PostgreSQL, nginx and a Python that can build runtimes, and makes the folders of the instances. Where
    systemd does not run, Debian's supervisor is needed as well.
  - Touches nothing while something is missing. With C(install) it has Debian's apt install it first, from whatever
    sources the server has; a server needs no internet if it has been installed with these packages.
options:
  root:
    description: The folder below which everything of instances lies.
    type: path
    required: true
  python:
    description: The version of the Python that wheels are made for, such as C(3.11); the server's must be the same.
    type: str
    required: true
  tls:
    description: Whether its instances are reached by HTTPS.
    type: bool
    default: false
  install:
    description: Whether packages that are missing are installed.
    type: bool
    default: false
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Make the server fit for instances
  host_prepare:
    root: /srv/provisioner
    python: "3.11"
"""

RETURN = r"""
prov_report:
  description: C(facts) that plays need to know of the server, and C(capacity), its memory and disk in MB.
  type: dict
  returned: always
"""

CLUSTERS = Path("/usr/lib/postgresql")
PROXY_GROUP = "www-data"
# Instances pass through the first kind, but only into what is theirs; nobody but root looks into the second.
PASSABLE = ("instances", "sockets", "notices", "copies")
PRIVATE = ("backups", "guard", "services")
SYSTEMD, SUPERVISORD = "systemd", "supervisord"
MB = 1 << 20


def postgres_bin() -> str:
    """The programs of the newest PostgreSQL; empty if there is none."""
    found = [folder for folder in CLUSTERS.glob("*/bin") if (folder / "postgres").exists()]
    return str(max(found, key=lambda folder: int(folder.parent.name))) if found else ""


def has(*modules: str) -> bool:
    """Whether this Python has them."""
    command = [sys.executable, "-c", f"import {', '.join(modules)}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def manager() -> str:
    """What keeps services running here."""
    return SYSTEMD if Path("/run/systemd/system").is_dir() else SUPERVISORD


def missing() -> list[str]:
    """Debian's names of what is not there."""
    there = {
        "supervisor": manager() == SYSTEMD or has("supervisor"),
        "postgresql": bool(postgres_bin()),
        "nginx-light": shutil.which("nginx", path="/usr/sbin:/usr/bin") is not None,
        "python3-venv": has("venv", "ensurepip"),
    }
    return [package for package, is_there in there.items() if not is_there]


def install(packages: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", *command], capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            raise OSError(f"apt-get {command[0]}: {done.stderr.strip()}")


def folders(root: Path) -> dict[Path, int]:
    """With their permissions."""
    return {
        root: 0o711,
        root / "runtimes": 0o755,
        **{root / name: 0o711 for name in PASSABLE},
        **{root / name: 0o700 for name in PRIVATE},
    }


def differing(root: Path) -> list[Path]:
    return [
        path
        for path, mode in folders(root).items()
        if not path.is_dir() or (path.stat().st_uid, path.stat().st_mode & 0o7777) != (0, mode)
    ]


def make(root: Path, wanted: list[Path]) -> None:
    for path in wanted:
        path.mkdir(parents=path == root, exist_ok=True)
        os.chown(path, 0, 0)
        path.chmod(folders(root)[path])


def places_of_services(root: Path) -> dict[str, str]:
    """Empty with systemd; said aloud, for the server may have been another before it was installed anew."""
    supervised = manager() == SUPERVISORD
    return {
        "supervisor_socket": f"{root}/supervisor/supervisor.sock" if supervised else "",
        "supervisor_conf_dir": f"{root}/supervisor/conf.d" if supervised else "",
    }


def facts(root: Path, *, tls: bool, certificates: str) -> dict[str, Any]:
    return {
        "root": str(root),
        "python": sys.executable,
        "isolated": True,
        "service_manager": manager(),
        **places_of_services(root),
        "postgres_bin": postgres_bin(),
        "postgres_socket_dir": "/run/postgresql",
        "postgres_port": 5432,
        "proxy": {"scheme": "https" if tls else "http", "group": PROXY_GROUP, "certificates": certificates},
    }


def capacity(root: Path) -> dict[str, int]:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"memory_mb": pages // MB, "disk_mb": shutil.disk_usage(root if root.exists() else "/").total // MB}


def lacks(wanted_python: str, *, may_install: bool) -> str:
    """Why the server cannot take instances; empty if it can."""
    if os.geteuid() != 0:
        return "The server must be reached as root, or as somebody who becomes root."
    ours = ".".join(map(str, sys.version_info[:2]))
    if ours != wanted_python:
        return f"The server has Python {ours}, and the runtimes are made for {wanted_python}."
    packages = missing()
    if packages and may_install:
        install(packages)
        packages = missing()
    return f"The server lacks {', '.join(packages)}." if packages else ""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "python": {"type": "str", "required": True},
            "tls": {"type": "bool", "default": False},
            "certificates": {"type": "path", "default": ""},
            "install": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    root = Path(module.params["root"])
    try:
        may_install = module.params["install"] and not module.check_mode
        if why := lacks(module.params["python"], may_install=may_install):
            module.fail_json(msg=f"{why} Nothing was prepared.")
        wanted = differing(root)
        if not module.check_mode:
            make(root, wanted)
    except OSError as problem:
        module.fail_json(msg=f"The server could not be prepared: {problem}")
    told = {name: module.params[name] for name in ("tls", "certificates")}
    report = {"facts": facts(root, **told), "capacity": capacity(root)}
    module.exit_json(changed=bool(wanted), prov_report=report)


if __name__ == "__main__":
    main()
