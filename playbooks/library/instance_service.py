"""Ansible module: run an instance's service under the host's supervisord."""

from __future__ import annotations

import re
import shlex
import time
import xmlrpc.client
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.unix_rpc import connect

DOCUMENTATION = r"""
module: instance_service
short_description: Run an instance's service under the host's supervisord
description:
  - Writes one configuration file, makes supervisord take it up, and waits until the service really runs.
  - Speaks XML-RPC over the socket of supervisord. The service restarts only if its configuration or the files that it
    reads changed; with which it was started stands in a record beside its configuration.
  - supervisord must have the interface of C(provisioner.embedded.processes.supervising), which reads the file of one
    service alone.
options:
  name:
    description: Name of the service.
    type: str
    required: true
  state:
    description: C(running) converges the configuration and runs it; C(stopped) only stops the process.
    type: str
    choices: [running, stopped]
    default: running
  socket:
    description: Socket of supervisord.
    type: path
    required: true
  conf_dir:
    description: Folder of the configuration files that supervisord includes.
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
    description: File that takes its output.
    type: path
    default: /dev/null
  digest:
    description: Digest of the files it reads when it starts; it restarts when the digest changes.
    type: str
    default: ''
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

UNSAFE = re.compile(r"[\x00-\x1f\x7f;#\"\\]")
PAUSE = 0.2
UP = ("RUNNING", "STARTING")
BAD_NAME = 10
OTHER_CONFIGURATION = "service: configuration differs"
OTHER_FILES = "service: its files have changed since it started"

PROGRAM = """\
[program:{name}]
command={command}
directory={directory}
environment={environment}
umask=027
autostart=true
autorestart=true
startsecs=1
startretries=3
stopwaitsecs=10
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=1MB
stdout_logfile_backups=2
"""


def literal(value: str) -> str:
    """The value as supervisord's configuration must spell it; there is no way to spell some characters."""
    if UNSAFE.search(value):
        raise ValueError(f"{value!r} cannot stand in the configuration of a service")
    return value.replace("%", "%%")


def configuration(params: dict[str, Any]) -> str:
    return PROGRAM.format(
        name=literal(params["name"]),
        command=literal(shlex.join(params["command"])),
        directory=literal(params["directory"]),
        environment=",".join(f'{key}="{literal(str(value))}"' for key, value in sorted(params["environment"].items())),
        log=literal(params["log"]),
    )


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def put(file: Path, text: str) -> None:
    aside = file.with_suffix(f"{file.suffix}.new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(file)


@dataclass(frozen=True)
class Wanted:
    """What the service is started with."""

    configuration: str
    digest: str  # of its files

    def __str__(self) -> str:
        return f"{self.digest}\n{self.configuration}"


class Service:
    def __init__(self, name: str, conf_dir: str, server: xmlrpc.client.ServerProxy) -> None:
        self.name = name
        self.file = Path(conf_dir, f"{name}.conf")
        self.record = Path(conf_dir, f"{name}.started")
        self.supervisor = server.supervisor

    def state(self) -> str:
        """The word of supervisord, or ABSENT."""
        try:
            info: Any = self.supervisor.getProcessInfo(self.name)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != BAD_NAME:
                raise
            return "ABSENT"
        return str(info["statename"])

    def stop(self) -> None:
        if self.state() in (*UP, "BACKOFF"):
            self.supervisor.stopProcess(self.name)

    def started(self) -> Wanted:
        """What it was started with, as far as we know."""
        digest, _, configuration = text_of(self.record).partition("\n")
        return Wanted(configuration, digest)

    def is_configured(self, text: str) -> bool:
        return text_of(self.file) == text and (self.started().configuration == text or not self.pending())

    def pending(self) -> str:
        """Whether its file was `added` or `changed` since it was taken up; files of others are left to their jobs."""
        return str(self.supervisor.takeUp(self.name))

    def configure(self, text: str) -> bool:
        """Write the configuration and have supervisord take it up; whether that started the service anew."""
        put(self.file, text)
        pending = self.pending()
        if pending == "changed":
            self.supervisor.stopProcessGroup(self.name)
            self.supervisor.removeProcessGroup(self.name)
        if pending:
            self.supervisor.addProcessGroup(self.name)
        return bool(pending)

    def start(self) -> None:
        if self.state() not in UP:
            self.supervisor.startProcess(self.name, False)  # noqa: FBT003 - XML-RPC has no names; do not wait

    def wait(self, timeout: float) -> str:
        deadline = time.monotonic() + timeout
        state = self.state()
        while state not in ("RUNNING", "FATAL") and time.monotonic() < deadline:
            time.sleep(PAUSE)
            state = self.state()
        return state

    def last_words(self) -> str:
        answer: Any = self.supervisor.tailProcessStdoutLog(self.name, 0, 4000)
        return str(answer[0]).strip()


def differences(service: Service, wanted: Wanted) -> list[str]:
    found, state = [], service.state()
    if not service.is_configured(wanted.configuration):
        found.append(OTHER_CONFIGURATION)
    if state not in UP:
        found.append(f"service: it is {state.lower()}")
    elif service.started().digest != wanted.digest:
        found.append(OTHER_FILES)
    return found


def diff(service: Service, params: dict[str, Any]) -> dict[str, str]:
    header = {"before_header": service.file.name, "after_header": service.file.name}
    return {**header, "before": text_of(service.file), "after": configuration(params)}


def mend(service: Service, wanted: Wanted, found: list[str]) -> None:
    service.record.unlink(missing_ok=True)  # if this breaks off, the next call must not believe it
    if OTHER_CONFIGURATION not in found or not service.configure(wanted.configuration):
        service.stop()
    service.start()


def run(module: AnsibleModule, service: Service) -> list[str]:
    wanted = Wanted(configuration(module.params), module.params["digest"])
    found = differences(service, wanted)
    if module.check_mode:
        return found
    if found:
        mend(service, wanted, found)
        if (state := service.wait(module.params["timeout"])) != "RUNNING":
            module.fail_json(
                msg=f"The service does not run, it is {state.lower()}.\n{service.last_words()}", drift=found
            )
    if service.started() != wanted:
        put(service.record, str(wanted))
    return found


def stop(module: AnsibleModule, service: Service) -> list[str]:
    if service.state() not in (*UP, "BACKOFF"):
        return []
    if not module.check_mode:
        service.stop()
    return ["service: it is running"]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["running", "stopped"], "default": "running"},
            "socket": {"type": "path", "required": True},
            "conf_dir": {"type": "path", "required": True},
            "command": {"type": "list", "elements": "str", "default": []},
            "directory": {"type": "path", "default": "/"},
            "environment": {"type": "dict", "default": {}},
            "log": {"type": "path", "default": "/dev/null"},
            "digest": {"type": "str", "default": ""},
            "timeout": {"type": "float", "default": 20},
        },
        supports_check_mode=True,
    )
    running = module.params["state"] == "running"
    try:
        with connect(module.params["socket"]) as server:
            service = Service(module.params["name"], module.params["conf_dir"], server)
            shown = {"diff": diff(service, module.params)} if running else {}
            drift = run(module, service) if running else stop(module, service)
    except (OSError, ValueError, xmlrpc.client.Error, HTTPException) as problem:
        module.fail_json(msg=f"The service could not be {module.params['state']}: {problem}")
    module.exit_json(changed=bool(drift), drift=drift, **shown)


if __name__ == "__main__":
    main()
