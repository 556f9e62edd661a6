"""Services under the host's supervisord, which is spoken to by XML-RPC over its socket."""

from __future__ import annotations

import re
import shlex
import xmlrpc.client
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.services import ABSENT, TRYING, UP, Service, ServiceError, put, text_of
from ansible.module_utils.unix_rpc import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

BAD_NAME = 10
MB, TASKS = 1 << 20, 256
BEGINS, STAYS = "autostart=true\n", "autostart=false\n"
UNSAFE = re.compile(r"[\x00-\x1f\x7f;#\"\\]")

PROGRAM = """\
[program:{name}]
command={command}
directory={directory}
environment={environment}
umask={umask}
{user}autostart=true
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


def program(params: dict[str, Any]) -> str:
    """The text of its configuration file, from the options of the module instance_service."""
    tenant = params["tenant"]
    environment = {**(_of_user(tenant) if tenant else {}), **params["environment"]}
    return PROGRAM.format(
        name=literal(params["name"]),
        command=literal(shlex.join([*(_shut_in(params["memory_mb"]) if tenant else []), *params["command"]])),
        directory=literal(params["directory"]),
        environment=",".join(f'{key}="{literal(str(value))}"' for key, value in sorted(environment.items())),
        umask="007" if tenant else "027",
        user=f"user={tenant['name']}\n" if tenant else "",
        log=literal(f"{params['conf_dir']}/{params['name']}.log" if tenant else params["log"]),
    )


def _of_user(tenant: dict[str, str]) -> dict[str, str]:
    return {"HOME": tenant["home"], "USER": tenant["name"], "LOGNAME": tenant["name"]}


def _shut_in(memory_mb: int) -> list[str]:
    """What the service of a unix user starts by: as much of what a unit of systemd has as needs no systemd."""
    return ["/usr/bin/setpriv", "--no-new-privs", "/usr/bin/prlimit", f"--data={memory_mb * MB}", f"--nproc={TASKS}"]


class Program(Service):
    """One program of supervisord. It must have the interface of `provisioner.embedded.processes.supervising`, which
    reads the file of one service alone.
    """

    def __init__(self, name: str, folder: str, server: xmlrpc.client.ServerProxy) -> None:
        super().__init__(name, Path(folder, f"{name}.conf"), Path(folder, f"{name}.started"))
        self.supervisor = server.supervisor

    def configuration(self, params: dict[str, Any]) -> str:
        return program(params)

    def files(self) -> list[Path]:
        """What it says, too, where that must not lie in a folder that its user can write to."""
        return [*super().files(), *sorted(self.file.parent.glob(f"{self.name}.log*"))]

    def state(self) -> str:
        try:
            info: Any = self.supervisor.getProcessInfo(self.name)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != BAD_NAME:
                raise
            return ABSENT
        return str(info["statename"])

    def stop(self) -> None:
        if self.state() in TRYING:
            self.supervisor.stopProcess(self.name)

    def halt(self) -> None:
        put(self.file, text_of(self.file).replace(BEGINS, STAYS))
        self.stop()

    def pending(self) -> bool:
        return bool(self._take_up())

    def _take_up(self) -> str:
        """Whether its file was `added` or `changed` since it was taken up; files of others are left to their jobs."""
        return str(self.supervisor.takeUp(self.name))

    def configure(self, text: str) -> bool:
        put(self.file, text)
        pending = self._take_up()
        if pending == "changed":
            self.supervisor.stopProcessGroup(self.name)
            self.supervisor.removeProcessGroup(self.name)
        if pending:
            self.supervisor.addProcessGroup(self.name)
        return bool(pending)

    def start(self) -> None:
        if self.state() not in UP:
            self.supervisor.startProcess(self.name, False)  # noqa: FBT003 - XML-RPC has no names; do not wait

    def forget(self) -> None:
        if self.state() != ABSENT:
            self.supervisor.stopProcessGroup(self.name)
            self.supervisor.removeProcessGroup(self.name)

    def last_words(self) -> str:
        answer: Any = self.supervisor.tailProcessStdoutLog(self.name, 0, 4000)
        return str(answer[0]).strip()


@contextmanager
def programs(name: str, folder: str, socket: str) -> Iterator[Program]:
    """The program of this name; ServiceError if supervisord refuses anything meanwhile."""
    try:
        with connect(socket) as server:
            yield Program(name, folder, server)
    except (xmlrpc.client.Error, HTTPException) as refusal:
        raise ServiceError(str(refusal)) from refusal
