"""Services as units of systemd, shut in as far as their apps can bear it."""

from __future__ import annotations

import re
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible.module_utils.services import ABSENT, FATAL, RUNNING, STARTING, TRYING, UP, Service, ServiceError, put

UNITS = Path("/etc/systemd/system")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")

# Nobody but the proxy has to reach a service: it listens on a socket in the file system and has a network of its own
# with nothing in it, so that it meets neither other services nor the world.
UNIT = """\
[Unit]
Description=Instance {name}
After=network.target postgresql.service
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=exec
User={user}
Group={user}
UMask=0007
WorkingDirectory={directory}
{environment}ExecStart={command}
Restart=always
RestartSec=1
TimeoutStopSec=10
MemoryMax={memory_mb}M
TasksMax=256
NoNewPrivileges=yes
PrivateNetwork={apart}
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ReadWritePaths={writable}
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
CapabilityBoundingSet=
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""


def quoted(value: str) -> str:
    """The value as one word of a unit file; there is no way to spell some characters."""
    if CONTROL.search(value):
        raise ValueError(f"{value!r} cannot stand in the configuration of a service")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def unit(params: dict[str, Any]) -> str:
    """The text of its unit file, from the options of the module instance_service."""
    tenant = params["tenant"]
    environment = [f"{key}={value}" for key, value in sorted(params["environment"].items())]
    return UNIT.format(
        name=tenant["name"],
        user=tenant["name"],
        directory=params["directory"],
        environment="".join(f"Environment={quoted(each)}\n" for each in environment).replace("$$", "$"),
        command=" ".join(map(quoted, params["command"])),
        memory_mb=params["memory_mb"],
        apart="no" if params["network"] else "yes",
        writable=f"{tenant['home']} {tenant['sockets']}",
    )


class Unit(Service):
    """One unit of systemd."""

    def __init__(self, name: str, folder: str) -> None:
        self.unit = f"prov-{name}.service"
        super().__init__(name, UNITS / self.unit, Path(folder, f"{name}.started"))

    def configuration(self, params: dict[str, Any]) -> str:
        return unit(params)

    def state(self) -> str:
        found = self._shown("LoadState", "ActiveState", "SubState")
        if found["LoadState"] == "not-found":
            return ABSENT
        if found["SubState"] == "auto-restart":
            return "BACKOFF"
        return {"active": RUNNING, "activating": STARTING, "failed": FATAL}.get(found["ActiveState"], "STOPPED")

    def pending(self) -> bool:
        return self._shown("NeedDaemonReload")["NeedDaemonReload"] == "yes"

    def configure(self, text: str) -> bool:
        self.record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        put(self.file, text)
        self._tell("daemon-reload")
        return False

    def start(self) -> None:
        self._tell("enable", "--quiet", "--no-reload", self.unit)
        if self.state() not in UP:
            with suppress(ServiceError):  # whoever has never run has not failed either
                self._tell("reset-failed", self.unit)
            self._tell("start", self.unit)

    def stop(self) -> None:
        if self.state() in TRYING:
            self._tell("stop", self.unit)

    def halt(self) -> None:
        self._tell("disable", "--quiet", "--no-reload", "--now", self.unit)

    def forget(self) -> None:
        if self.state() != ABSENT:
            self._tell("disable", "--quiet", "--now", self.unit)
            self.file.unlink(missing_ok=True)
            self._tell("daemon-reload")

    def last_words(self) -> str:
        return self._said("journalctl", "--unit", self.unit, "--lines=40", "--output=cat", "--no-pager").strip()

    def _shown(self, *names: str) -> dict[str, str]:
        said = self._said("systemctl", "show", *(f"--property={name}" for name in names), self.unit)
        return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)

    def _tell(self, *words: str) -> None:
        self._said("systemctl", *words)

    @staticmethod
    def _said(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServiceError(f"{' '.join(command[:2])}: {done.stderr.strip()}")
        return done.stdout
