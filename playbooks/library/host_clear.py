"""Ansible module: take away from a host what no instance owns, and keep a last copy."""

from __future__ import annotations

import re
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.services import ServiceError
from ansible.module_utils.supervisord import programs
from ansible.module_utils.systemd import Unit
from ansible.module_utils.tenant_postgres import CONNECTION, ClusterError, Database

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ansible.module_utils.services import Service

DOCUMENTATION = r"""
module: host_clear
short_description: Take away from a host what no instance owns, and keep a last copy
description:
  - Moves folders aside, stops services and drops databases. Nothing is lost - folders, configuration and a dump lie in
    a folder of their own under C(cleared), which people may remove.
  - What is not there (any more) counts as cleared. What cannot be cleared is told and keeps nothing else.
options:
  root:
    description: Folder of the host that holds C(instances) and C(notices).
    type: path
    required: true
  things:
    description: What to take away - each with C(finding) (returned with it), C(kind) and C(name).
    type: list
    elements: dict
    required: true
  service_manager:
    description: What keeps the services running; C(systemd), or anything else for supervisord.
    type: str
    default: supervisord
  socket:
    description: Socket of supervisord.
    type: path
  conf_dir:
    description: Folder of the configuration files that supervisord reads.
    type: path
  postgres:
    description: The host's PostgreSQL, if it has one, as M(instance_database) reaches it.
    type: dict
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Move a folder aside
  host_clear:
    root: /srv/provisioner
    socket: /srv/provisioner/run/supervisor.sock
    conf_dir: /srv/provisioner/supervisor/conf.d
    things:
      - {finding: 1, kind: unknown_instance, name: a1b2c3d4e5}
"""

RETURN = r"""
prov_report:
  description:
    - C(cleared) - by finding, the folder that holds the last copy, or C('') where nothing was there - and C(refused) -
      by finding, why it could not be cleared.
  type: dict
  returned: always
"""

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
SUPERUSER = {"name": "postgres", "password": ""}  # whose password stands in the file
Params = dict[str, Any]


def aside(params: Params, name: str) -> Path:
    """A new folder for the last copy."""
    moment = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.{time.time_ns() % 10**9:09}Z"
    folder = Path(params["root"], "cleared", f"{name}-{moment}")
    folder.mkdir(mode=0o700, parents=True)
    return folder


class Folders:
    """Those of an instance: of its data, and of its notice."""

    def __init__(self, params: Params, name: str) -> None:
        self.found = [
            each for above in ("instances", "notices") if (each := Path(params["root"], above, name)).exists()
        ]

    def is_there(self) -> bool:
        return bool(self.found)

    def clear(self, copy: Path) -> None:
        for folder in self.found:
            folder.rename(copy / folder.parent.name)


class Unowned:
    """A service. Only what is kept of it for whoever runs it is moved: the files that it reads are another matter."""

    def __init__(self, params: Params, name: str) -> None:
        self.params = params
        self.name = name

    def is_there(self) -> bool:
        with self._service() as service:
            return service.is_there()

    def clear(self, copy: Path) -> None:
        with self._service() as service:
            service.move_to(copy)

    def _service(self) -> AbstractContextManager[Service]:
        if self.params["service_manager"] == "systemd":
            return nullcontext(Unit(self.name, f"{self.params['root']}/services"))
        return programs(self.name, self.params["conf_dir"], self.params["socket"])


class Cluster:
    """A database and the role of the same name."""

    def __init__(self, params: Params, name: str) -> None:
        if not params["postgres"]:
            raise ValueError("this server has no PostgreSQL")
        self.database = Database.of({**params["postgres"], **SUPERUSER, "name": name})

    def is_there(self) -> bool:
        return self.database.exists() or self.database.has_role()

    def clear(self, copy: Path) -> None:
        if self.database.exists():
            self.database.dump(copy / "database.dump")
        self.database.drop()
        self.database.drop_role()


KINDS = {"unknown_instance": Folders, "unknown_service": Unowned, "unknown_database": Cluster}


def clear(module: AnsibleModule, thing: dict[str, str]) -> str:
    """Where its last copy lies; empty where nothing was there."""
    if not NAME.fullmatch(thing["name"]):
        raise ValueError(f"{thing['name']!r} is not a name that anything here is given")
    there = KINDS[thing["kind"]](module.params, thing["name"])
    if not there.is_there():
        return ""
    if module.check_mode:
        return "-"
    copy = aside(module.params, thing["name"])
    there.clear(copy)
    return str(copy)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "things": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "finding": {"type": "str", "required": True},
                    "kind": {"type": "str", "required": True, "choices": list(KINDS)},
                    "name": {"type": "str", "required": True},
                },
            },
            "service_manager": {"type": "str", "default": "supervisord"},
            "socket": {"type": "path"},
            "conf_dir": {"type": "path"},
            "postgres": {"type": "dict", "options": {k: v for k, v in CONNECTION.items() if k not in SUPERUSER}},
        },
        supports_check_mode=True,
    )
    cleared, refused = {}, {}
    for thing in module.params["things"]:
        try:
            cleared[thing["finding"]] = clear(module, thing)
        except (OSError, ValueError, ClusterError, ServiceError) as problem:
            refused[thing["finding"]] = str(problem)
    module.exit_json(changed=any(cleared.values()), prov_report={"cleared": cleared, "refused": refused})


if __name__ == "__main__":
    main()
