"""What `provisioner up` needs from this machine: each finding in a sentence, with the way to mend it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from provisioner.config import Settings
from provisioner.embedded import external
from provisioner.embedded.binaries import postgres_bin_dir, usable_version, valkey_server
from provisioner.embedded.layout import Layout, database_url, owner_database_url, redis_url
from provisioner.embedded.listener import open_listener
from provisioner.embedded.postgres import disguise
from provisioner.embedded.processes.lock import refuse_if_held
from provisioner.embedded.processes.service import CannotStart

OLDEST_PYTHON, FIRST_UNTRIED_PYTHON = (3, 11), (3, 14)
DISK_NEEDED = 2  # gigabytes: servers, runtimes of the apps, logs
SANDBOXES = {
    "bwrap": "bwrap --die-with-parent --ro-bind / / --proc /proc --dev /dev --unshare-pid true",
    "unshare": "unshare --pid --fork --kill-child=KILL true",
    "unshare with a user namespace": "unshare --user --map-current-user --pid --fork --kill-child=KILL true",
}


@dataclass(frozen=True)
class Finding:
    """`needed` is False where the service works without, only less well."""

    subject: str
    fine: bool
    found: str
    mend: str = ""
    needed: bool = True


def examine(settings: Settings) -> list[Finding]:
    layout = Layout(settings.state_dir)
    return [
        _python(),
        *_database(settings),
        *_redis(settings),
        _user(),
        _sandbox(),
        _ansible(),
        _state_folder(layout),
        _sockets(layout),
        _disk(layout),
        _port(settings, layout),
        _clock(),
    ]


def _python() -> Finding:
    fine = OLDEST_PYTHON <= sys.version_info[:2] < FIRST_UNTRIED_PYTHON
    return Finding("Python", fine, sys.version.split()[0], "Use Python 3.11, 3.12 or 3.13.")


def _database(settings: Settings) -> Iterator[Finding]:
    yield _tried("PostgreSQL for the instances", _embedded_postgres)
    if settings.database_url or settings.owner_database_url:
        yield _tried("PostgreSQL, as the owner", lambda: external.check_database(owner_database_url(settings)))
        yield _tried(
            "PostgreSQL, as the application",
            lambda: external.check_database(database_url(settings), application=True),
        )


def _redis(settings: Settings) -> Iterator[Finding]:
    if settings.redis_url:
        yield _tried("Redis", lambda: external.check_redis(redis_url(settings)))
    else:
        yield _tried("Valkey", lambda: str(valkey_server()))


def _tried(subject: str, attempt: Callable[[], str | None]) -> Finding:
    """The sentence of a refusal says what to do, too."""
    try:
        return Finding(subject, fine=True, found=attempt() or "answers")
    except CannotStart as fault:
        return Finding(subject, fine=False, found="not usable", mend=str(fault))


def _embedded_postgres() -> str:
    bin_dir = postgres_bin_dir()
    return f"{usable_version(bin_dir)} in {bin_dir}"


def _user() -> Finding:
    return Finding(
        "User",
        fine=_runs([*disguise(), "true"]),
        found=f"uid {os.geteuid()}",
        mend="PostgreSQL refuses to run as this user, and user namespaces are not allowed here: use an ordinary user.",
    )


def _sandbox() -> Finding:
    active = next((name for name, trial in SANDBOXES.items() if _runs(trial.split())), None)
    return Finding(
        "Sandbox of playbooks",
        fine=active is not None,
        found=active or "none",
        mend="Install bubblewrap, or allow user namespaces: without, a killed playbook is hunted process by process.",
        needed=False,
    )


def _ansible() -> Finding:
    program = shutil.which("ansible-playbook", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    return Finding("Ansible", program is not None, program or "missing", "Install the package ansible-core.")


def _state_folder(layout: Layout) -> Finding:
    existing = _nearest(layout.state_dir)
    fine = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    mend = f"Make {existing} writable, or set PROVISIONER_STATE_DIR to a folder that is."
    return Finding("State folder", fine, str(layout.state_dir), mend)


def _sockets(layout: Layout) -> Finding:
    return Finding("Sockets", fine=True, found=str(layout.run_dir))


def _disk(layout: Layout) -> Finding:
    free = shutil.disk_usage(_nearest(layout.state_dir)).free / 10**9
    return Finding("Free disk", free >= DISK_NEEDED, f"{free:.1f} GB", f"Free {DISK_NEEDED} GB for the state folder.")


def _port(settings: Settings, layout: Layout) -> Finding:
    try:
        refuse_if_held(layout.lock)
    except CannotStart:
        return Finding("Port", fine=True, found=f"{layout.web_port()}, in use by `provisioner up` itself")
    try:
        with closing(open_listener(settings, layout)) as listener:
            return Finding("Port", fine=True, found=str(listener.getsockname()[1]))
    except CannotStart as fault:
        return Finding("Port", fine=False, found="not usable", mend=str(fault))


def _clock() -> Finding:
    """A clock that lost its battery shows a time before this file was installed."""
    found = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return Finding("Clock", time.time() > Path(__file__).stat().st_ctime, found, "Set the clock; keep it by NTP.")


def _nearest(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())


def _runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except OSError:
        return False
