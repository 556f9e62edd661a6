"""The unix user of one instance. What a module does in folders that an instance can write to, it does as that user:
root could be led astray by links that the instance has put there.
"""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME_MODE = 0o750
SOCKETS_MODE = 0o2750  # what is made in it belongs to the proxy's group

TENANT = {
    "type": "dict",
    "options": {
        "name": {"type": "str", "required": True},
        "home": {"type": "path", "required": True},
        "sockets": {"type": "path", "required": True},
        "proxy_group": {"type": "str", "required": True},
    },
}


@dataclass(frozen=True)
class Tenant:
    """A user of the same name as the instance, or nobody in particular where instances run as who runs this."""

    name: str = ""
    home: str = ""
    sockets: str = ""
    proxy_group: str = ""

    @classmethod
    def of(cls, given: dict[str, Any] | None) -> Tenant:
        """From the module option TENANT."""
        return cls(**given) if given else cls()

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Until its end, files are opened and made as the user. No program may be started meanwhile."""
        if not self.name:
            yield
            return
        user, groups = pwd.getpwnam(self.name), os.getgroups()
        os.setgroups([])
        os.setegid(user.pw_gid)
        os.seteuid(user.pw_uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)

    @property
    def process(self) -> dict[str, Any]:
        """The options by which subprocess starts a program as the user."""
        return {"user": self.name, "group": self.name, "extra_groups": []} if self.name else {}

    @property
    def exists(self) -> bool:
        try:
            pwd.getpwnam(self.name)
        except KeyError:  # as where there is no name
            return False
        return True

    def differences(self) -> list[str]:
        if not self.name:
            return []
        if not self.exists:
            return ["user: missing"]
        owner = pwd.getpwnam(self.name).pw_uid
        wanted = {
            self.home: (owner, pwd.getpwnam(self.name).pw_gid, HOME_MODE),
            self.sockets: (owner, grp.getgrnam(self.proxy_group).gr_gid, SOCKETS_MODE),
        }
        return [f"folder {path}: not the instance's own" for path, mark in wanted.items() if _mark(Path(path)) != mark]

    def settle(self) -> None:
        """Have the user, a home of its own, and a folder for sockets that only the proxy looks into."""
        if not self.name:
            return
        if not self.exists:
            account = ["--system", "--user-group", "--no-create-home", "--home-dir", self.home]
            _run("useradd", *account, "--shell", "/usr/sbin/nologin", self.name)
        user = pwd.getpwnam(self.name)
        self.take(Path(self.home))
        _own(Path(self.sockets), user.pw_uid, grp.getgrnam(self.proxy_group).gr_gid, SOCKETS_MODE)

    def take(self, path: Path) -> None:
        """Give the user a folder that is made for it."""
        if self.name:
            user = pwd.getpwnam(self.name)
            _own(path, user.pw_uid, user.pw_gid, HOME_MODE)

    def leave(self) -> None:
        """Have no such user; its folders have been removed before."""
        if self.name and self.exists:
            _run("userdel", self.name)


def _mark(path: Path) -> tuple[int, int, int] | None:
    """Owner, group and permissions of a folder."""
    if path.is_symlink() or not path.is_dir():
        return None
    found = path.stat()
    return found.st_uid, found.st_gid, found.st_mode & 0o7777


def _own(path: Path, user: int, group: int, mode: int) -> None:
    """The folders above belong to root, so nobody can have exchanged this one for something else."""
    path.mkdir(exist_ok=True)
    os.chown(path, user, group)
    path.chmod(mode)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{command[0]}: {done.stderr.strip()}")
