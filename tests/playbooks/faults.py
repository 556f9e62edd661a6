"""What goes wrong in the middle of an action: broken releases, full disks, and the death of Ansible."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.chaos.faults import full

from .runs import PLAYBOOKS, TARGET

STARTS_NOT, ANSWERS_500 = "starts not", "answers 500"  # words of welcome that the broken release cannot bear
BROKEN_RELEASE = f"""
import json

WELCOME = json.loads((HOME / "facts.json").read_text(encoding="utf-8"))["parameters"]["welcome"]
if WELCOME == "{STARTS_NOT}":
    raise SystemExit("this release does not start")


def broken(environ, start_response):
    start_response("500 Internal Server Error", [])
    return [b"this release is broken"]


tracker = broken if WELCOME == "{ANSWERS_500}" else tracker
"""
BROKEN_NOTICE = "raise SystemExit('this notice does not start')\n"


def broken_playbooks(folder: Path, *, notice: bool = False) -> Path:
    """Ours, with a release of the complaints, or a notice, that an app's author got wrong."""
    playbooks = folder / "playbooks"
    shutil.copytree(PLAYBOOKS, playbooks, ignore=shutil.ignore_patterns("__pycache__"))
    _append(playbooks / "roles/roundup/files/bin/serve.py", BROKEN_RELEASE)
    _append(playbooks / "apps/complaints/group_vars/instances.yml", "health_timeout: 4\n")
    if notice:
        (playbooks / "roles/notice/files/serve.py").write_text(BROKEN_NOTICE)
    return playbooks


def _append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """A small file system of its own at this folder, filled up."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount the small file system that is filled up")
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=True)
    try:
        with full(folder):
            yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def kill_everything() -> None:
    """SIGKILL for the run that this process has started, its modules and their programs, all at one moment."""
    controllers = _of_ours(b"ansible-playbook")
    for pid in controllers:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)  # it starts nothing more while we count
    modules = [each for waiting in _of_ours(TARGET.encode()) for each in _family(waiting)[2:]]  # not what forks them
    for pid in [*modules, *(each for controller in controllers for each in _family(controller))]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _of_ours(words: bytes) -> list[int]:
    return [pid for pid in _children().get(os.getpid(), []) if words in _command(pid)]


def _family(pid: int) -> list[int]:
    children = _children()

    def below(parent: int) -> list[int]:
        return [parent, *(each for child in children.get(parent, []) for each in below(child))]

    return below(pid)


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            found.setdefault(parent, []).append(int(status.parent.name))
    return found


def _command(pid: int) -> bytes:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
