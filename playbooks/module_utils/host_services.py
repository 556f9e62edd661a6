"""The services of a host, whichever program keeps them running."""

from __future__ import annotations

import configparser
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.unix_rpc import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNNING = "running"
UP = ("RUNNING", "STARTING", "active", "activating", "reloading")
ABSENT = "absent"  # its configuration lies there, and nobody has taken it up
NOTICE = "notice"
PREFIX, SUFFIX = "prov-", ".service"  # of the units of systemd that are ours
PROPERTIES = "Id,LoadState,ActiveState,ExecStart,WorkingDirectory"


def serves(root: str, command: str, directory: str) -> str:
    """What a service serves: the name of the runtime that its command is of, the notice, or '' for anything else."""
    found = re.search(rf"{re.escape(root)}/runtimes/([^/\s'\"]+)/", command)
    if found:
        return found[1]
    return NOTICE if directory.startswith(f"{root}/notices/") else ""


def of_supervisord(root: str, socket: str, conf_dir: str) -> dict[str, dict[str, str]]:
    """State and purpose of each service, by name: those that it runs, and those that it has not taken up."""
    found = {name: {"state": ABSENT, "serves": serves(root, *told)} for name, told in _configured(Path(conf_dir))}
    with connect(socket) as server:
        running: Any = server.supervisor.getAllProcessInfo()
    for each in running:
        service = found.setdefault(each["name"], {"state": ABSENT, "serves": ""})
        service["state"] = _state(each["statename"])
    return found


def _state(word: str) -> str:
    return RUNNING if word in UP else word.lower()


def _configured(folder: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """Command and folder of each, by name; of a file that cannot be read nothing but its name."""
    for file in folder.glob("*.conf"):
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, configparser.Error):
            parser = configparser.RawConfigParser()
        section = f"program:{file.stem}"
        told = (parser.get(section, name, fallback="") for name in ("command", "directory"))
        command, directory = (text.replace("%%", "%") for text in told)
        yield file.stem, (command, directory)


def of_systemd(root: str) -> dict[str, dict[str, str]]:
    """The same of the units that are ours."""
    command = ["systemctl", "show", "--all", f"--property={PROPERTIES}", f"{PREFIX}*{SUFFIX}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"systemctl: {done.stderr.strip()}")
    return dict(_units(root, done.stdout))


def _units(root: str, told: str) -> Iterator[tuple[str, dict[str, str]]]:
    for block in told.strip().split("\n\n"):
        unit = dict(line.partition("=")[::2] for line in block.splitlines())
        name = unit.get("Id", "")
        if name.startswith(PREFIX) and name.endswith(SUFFIX) and not _is_gone(unit):
            what = serves(root, unit.get("ExecStart", ""), unit.get("WorkingDirectory", ""))
            yield (
                name.removeprefix(PREFIX).removesuffix(SUFFIX),
                {"state": _state(unit.get("ActiveState", "")), "serves": what},
            )


def _is_gone(unit: dict[str, str]) -> bool:
    """Whether systemd remembers no more than the name, as of an instance that was removed or has moved away."""
    return unit.get("LoadState") == "not-found" and unit.get("ActiveState") == "inactive"
