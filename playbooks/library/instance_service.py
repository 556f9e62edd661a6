"""Ansible module: run an instance's service under systemd or the host's supervisord."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.services import RUNNING, TRYING, UP, Service, ServiceError, Wanted, put, text_of
from ansible.module_utils.supervisord import programs
from ansible.module_utils.systemd import Unit
from ansible.module_utils.tenant import TENANT

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

DOCUMENTATION = r"""
module: instance_service
short_description: Run an instance's service under systemd or the host's supervisord
description:
  - Writes one configuration file, has it taken up, and waits until the service really runs.
  - The service restarts only if its configuration or the files that it reads changed; with which it was started stands
    in a record. With a tenant it is a unit of systemd that runs as this user, shut in; else a program of supervisord.
options:
  name:
    description: Name of the service.
    type: str
    required: true
  state:
    description:
      - C(running) converges the configuration and runs it; C(stopped) only stops the process; C(absent) leaves
        nothing of it.
    type: str
    choices: [running, stopped, absent]
    default: running
  socket:
    description: Socket of supervisord, if there is no tenant.
    type: path
  conf_dir:
    description: Folder of the configuration files that supervisord includes; of the records alone with a tenant.
    type: path
    required: true
  command:
    description: The program and its arguments.
    type: list
    elements: str
    default: []
  directory:
    description: The folder it runs in.
    type: path
    default: /
  environment:
    description: Its environment variables; no secrets, the file is readable.
    type: dict
    default: {}
  log:
    description: File that takes its output; with a tenant the journal does.
    type: path
    default: /dev/null
  digest:
    description: Digest of the files it reads when it starts; it restarts when the digest changes.
    type: str
    default: ''
  tenant:
    description: The unix user that the instance runs as, as in M(instance_files), if it has one.
    type: dict
  memory_mb:
    description: With a tenant, the memory that it may take.
    type: int
    default: 512
  network:
    description: With a tenant, whether it has a network beside its socket.
    type: bool
    default: false
  timeout:
    description: Seconds to wait for it to run or to stop.
    type: float
    default: 20
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Run the portal
  instance_service:
    name: a1b2c3d4e5
    socket: /srv/provisioner/run/supervisor.sock
    conf_dir: /srv/provisioner/supervisor/conf.d
    command: [/srv/provisioner/runtimes/open-data-0.65.5/bin/datasette, serve, portal]
    directory: /srv/provisioner/instances/a1b2c3d4e5
"""

RETURN = r"""
drift:
  description: What differed from the wanted state, in sentences.
  type: list
  elements: str
  returned: always
"""

OTHER_CONFIGURATION = "service: configuration differs"
OTHER_FILES = "service: its files have changed since it started"


def differences(service: Service, wanted: Wanted) -> list[str]:
    found, state = [], service.state()
    if not service.is_configured(wanted.configuration):
        found.append(OTHER_CONFIGURATION)
    if state not in UP:
        found.append(f"service: it is {state.lower()}")
    elif service.started()[0] != wanted.digest:
        found.append(OTHER_FILES)
    return found


def diff(service: Service, params: dict[str, Any]) -> dict[str, str]:
    header = {"before_header": service.file.name, "after_header": service.file.name}
    return {**header, "before": text_of(service.file), "after": service.configuration(params)}


def mend(service: Service, wanted: Wanted, found: list[str]) -> None:
    service.record.unlink(missing_ok=True)  # if this breaks off, the next call must not believe it
    if OTHER_CONFIGURATION not in found or not service.configure(wanted.configuration):
        service.stop()
    service.start()


def run(module: AnsibleModule, service: Service) -> list[str]:
    wanted = Wanted(service.configuration(module.params), module.params["digest"])
    found = differences(service, wanted)
    if module.check_mode:
        return found
    if found:
        mend(service, wanted, found)
        if (state := service.wait(module.params["timeout"])) != RUNNING:
            module.fail_json(
                msg=f"The service does not run, it is {state.lower()}.\n{service.last_words()}", drift=found
            )
    if text_of(service.record) != str(wanted):
        put(service.record, str(wanted))
    return found


def stop(module: AnsibleModule, service: Service) -> list[str]:
    if service.state() not in TRYING:
        return []
    if not module.check_mode:
        service.halt()
    return ["service: it is running"]


def remove(module: AnsibleModule, service: Service) -> list[str]:
    if not service.is_there():
        return []
    if not module.check_mode:
        service.remove()
    return ["service: it is there"]


def service_of(params: dict[str, Any]) -> AbstractContextManager[Service]:
    if params["socket"]:
        return programs(params["name"], params["conf_dir"], params["socket"])
    return nullcontext(Unit(params["name"], params["conf_dir"]))


HAVE = {"running": run, "stopped": stop, "absent": remove}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["running", "stopped", "absent"], "default": "running"},
            "socket": {"type": "path"},
            "conf_dir": {"type": "path", "required": True},
            "command": {"type": "list", "elements": "str", "default": []},
            "directory": {"type": "path", "default": "/"},
            "environment": {"type": "dict", "default": {}},
            "log": {"type": "path", "default": "/dev/null"},
            "digest": {"type": "str", "default": ""},
            "tenant": TENANT,
            "memory_mb": {"type": "int", "default": 512},
            "network": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 20},
        },
        supports_check_mode=True,
    )
    running = module.params["state"] == "running"
    try:
        with service_of(module.params) as service:
            shown = {"diff": diff(service, module.params)} if running else {}
            drift = HAVE[module.params["state"]](module, service)
    except (OSError, ValueError, ServiceError) as problem:
        module.fail_json(msg=f"The service could not be {module.params['state']}: {problem}")
    module.exit_json(changed=bool(drift), drift=drift, **shown)


if __name__ == "__main__":
    main()
