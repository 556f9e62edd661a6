"""Ansible module: see what a host has."""

from __future__ import annotations

import platform
import shutil
import xmlrpc.client
from datetime import datetime, timezone
from http.client import HTTPException
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_services import of_supervisord, of_systemd
from ansible.module_utils.tenant_postgres import CONNECTION, ClusterError, Database

DOCUMENTATION = r"""
module: host_survey
short_description: See what a host has
description:
  - Looks at folders, services, databases and roles, free disk and memory, and versions. It changes nothing.
  - One look at each for the whole host, however many instances it has.
options:
  root:
    description: Folder of the host that holds C(instances), C(runtimes), C(notices) and C(backups).
    type: path
    required: true
  service_manager:
    description: What keeps the services running; C(systemd), or anything else for supervisord.
    type: str
    default: supervisord
  socket:
    description: Socket of supervisord.
    type: path
  conf_dir:
    description: Folder of the configuration files that supervisord includes.
    type: path
  postgres:
    description: The host's PostgreSQL, if it has one, as M(instance_database) reaches it.
    type: dict
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: See what the server has
  host_survey:
    root: /srv/provisioner
    socket: /srv/provisioner/run/supervisor.sock
    conf_dir: /srv/provisioner/supervisor/conf.d
"""

RETURN = r"""
prov_report:
  description:
    - C(survey) with C(at), C(python), C(postgres), C(disk), C(memory), C(folders), C(services), C(databases) and
      C(roles).
  type: dict
  returned: always
"""

FOLDERS = ("instances", "runtimes", "notices", "backups")
SHORT_ID = "^[a-z][a-z0-9]{9}$"
ROWS = f"""
    SELECT 'version', current_setting('server_version')
    UNION ALL SELECT 'database', datname::text FROM pg_database WHERE datname ~ '{SHORT_ID}'
    UNION ALL SELECT 'role', rolname::text FROM pg_roles WHERE rolname ~ '{SHORT_ID}'
"""  # noqa: S608 - made of a pattern of our own
SUPERUSER = {"name": "postgres", "password": ""}  # whose password stands in the file


def names(folder: Path) -> list[str]:
    """What lies in it, but for what is hidden."""
    if not folder.is_dir():
        return []
    return sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))


def memory() -> dict[str, int]:
    """Bytes, as the kernel tells them."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    told = {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith(" kB")}
    return {"total": told["MemTotal"], "free": told["MemAvailable"]}


def disk(root: Path) -> dict[str, int]:
    usage = shutil.disk_usage(root)
    return {"total": usage.total, "free": usage.free}


def services(params: dict[str, Any]) -> dict[str, dict[str, str]]:
    if params["service_manager"] == "systemd":
        return of_systemd(params["root"])
    return of_supervisord(params["root"], params["socket"], params["conf_dir"])


def cluster(given: dict[str, Any] | None) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {"version": [], "database": [], "role": []}
    if given:
        for line in Database.of({**given, **SUPERUSER}).as_superuser(ROWS).splitlines():
            kind, _, name = line.partition("|")
            told[kind].append(name)
    return {kind: sorted(names) for kind, names in told.items()}


def survey(params: dict[str, Any]) -> dict[str, Any]:
    root, postgres = Path(params["root"]), cluster(params["postgres"])
    return {
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),  # noqa: UP017 - hosts may have an older Python
        "python": platform.python_version(),
        "postgres": next(iter(postgres["version"]), ""),
        "disk": disk(root),
        "memory": memory(),
        "folders": {name: names(root / name) for name in FOLDERS},
        "services": services(params),
        "databases": postgres["database"],
        "roles": postgres["role"],
    }


def main() -> None:
    cluster_options = {name: option for name, option in CONNECTION.items() if name not in SUPERUSER}
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "service_manager": {"type": "str", "default": "supervisord"},
            "socket": {"type": "path"},
            "conf_dir": {"type": "path"},
            "postgres": {"type": "dict", "options": cluster_options},
        },
        supports_check_mode=True,
    )
    try:
        found = survey(module.params)
    except (OSError, ValueError, ClusterError, xmlrpc.client.Error, HTTPException) as problem:
        module.fail_json(msg=f"It could not be seen what the server has: {problem}")
    module.exit_json(changed=False, prov_report={"survey": found})


if __name__ == "__main__":
    main()
