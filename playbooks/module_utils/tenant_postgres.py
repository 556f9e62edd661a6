"""The tenants' PostgreSQL cluster, reached through its own client programs: a host needs nothing else installed.

Where instances have unix users of their own, PostgreSQL knows everybody by these (`peer`) and asks for no password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

SUPERUSER = "postgres"
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")
ITERATIONS = 4096

CONNECTION = {
    "bin": {"type": "path", "required": True},
    "socket_dir": {"type": "path", "required": True},
    "port": {"type": "int", "default": 5432},
    "superuser_password_file": {"type": "path", "no_log": False},
    "name": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
}


class ClusterError(Exception):
    """A client program refused; the message is its own."""


@dataclass(frozen=True)
class Database:
    """One instance's database; the role that owns it has the same name."""

    bin: str
    socket_dir: str
    port: int
    superuser_password_file: str | None  # None: everybody is known by their unix user
    name: str
    password: str

    @classmethod
    def of(cls, given: dict[str, Any]) -> Database:
        """From the module options listed in CONNECTION."""
        if not IDENTIFIER.fullmatch(given["name"]):
            raise ClusterError(f"{given['name']!r} cannot name a database: small letters, digits and underscores only")
        return cls(**{option: given[option] for option in CONNECTION})

    def as_owner(self, program: str, *arguments: str, source: Path | None = None, target: Path | None = None) -> str:
        """What it says, unless it goes to `target`; it reads `source`."""
        with _opened(source, target) as streams:
            return self._run(self.name, self.password, self.name, [program, *arguments], streams)

    def as_superuser(self, sql: str, database: str = "postgres") -> str:
        """The rows of the last statement, one a line, columns parted by `|`."""
        psql = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        return self._run(SUPERUSER, self._superuser_password, database, psql, {"input": sql}).strip()

    def dump(self, target: Path) -> None:
        """All of it into this file, owners too; nobody needs to know its own password for that."""
        with _opened(None, target) as streams:
            self._run(SUPERUSER, self._superuser_password, self.name, ["pg_dump", "--format=custom"], streams)

    @property
    def _superuser_password(self) -> str:
        file = self.superuser_password_file
        return Path(file).read_text(encoding="utf-8").strip() if file else ""

    def _run(self, user: str, password: str, database: str, command: list[str], streams: dict[str, Any]) -> str:
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "LC_ALL": "C.UTF-8",
            "PGHOST": self.socket_dir,
            "PGPORT": str(self.port),
            "PGUSER": user,
            "PGPASSWORD": password,
            "PGDATABASE": database,
            "PGCONNECT_TIMEOUT": "10",
        }
        program = [f"{self.bin}/{command[0]}", *command[1:]]
        person = {} if self.superuser_password_file else {"user": user, "group": user, "extra_groups": [], "cwd": "/"}
        given = {"stdout": subprocess.PIPE, **streams, **person}
        done = subprocess.run(program, stderr=subprocess.PIPE, text=True, env=environment, check=False, **given)
        if done.returncode:
            raise ClusterError(f"{command[0]}: {done.stderr.strip()}")
        return str(done.stdout or "")

    def exists(self) -> bool:
        found = self.as_superuser(f"SELECT 1 FROM pg_database WHERE datname = '{self.name}'")  # noqa: S608 - IDENTIFIER
        return found == "1"

    def create(self, name: str = "") -> None:
        name = name or self.name
        self.as_superuser(f"CREATE DATABASE {name} OWNER {self.name} TEMPLATE template0 ENCODING 'UTF8'")
        self.as_superuser(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")

    @contextmanager
    def replaced(self) -> Iterator[str]:
        """The name of an empty one, which takes the place of what is there when it was filled without an error."""
        self._drop(self._fresh)
        self.create(self._fresh)
        try:
            yield self._fresh
        except ClusterError:
            self._drop(self._fresh)
            raise
        self._drop(self.name)
        self.as_superuser(f"ALTER DATABASE {self._fresh} RENAME TO {self.name}")

    def has_role(self) -> bool:
        return bool(self.as_superuser(f"SELECT 1 FROM pg_roles WHERE rolname = '{self.name}'"))  # noqa: S608 - IDENTIFIER

    def drop_role(self) -> None:
        self.as_superuser(f"DROP ROLE IF EXISTS {self.name}")

    def drop(self) -> None:
        for name in (self.name, self._fresh):
            self._drop(name)

    @property
    def _fresh(self) -> str:
        return f"{self.name}_fresh"

    def _drop(self, name: str) -> None:
        self.as_superuser(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def _opened(source: Path | None, target: Path | None) -> Iterator[dict[str, Any]]:
    """The files as the streams of a program: it need not be able to reach them itself."""
    with ExitStack() as files:
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL}
        if source:
            streams["stdin"] = files.enter_context(source.open("rb"))
        if target:
            streams["stdout"] = files.enter_context(target.open("wb"))
        yield streams


def verifier(password: str, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """What PostgreSQL stores for a SCRAM-SHA-256 password: the password itself enters no statement and no log."""
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${iterations}:{salt_text}${stored_text}:{server_text}"


def fits(password: str, stored: str) -> bool:
    """Whether the stored verifier is of this password."""
    parts = re.fullmatch(r"SCRAM-SHA-256\$(\d+):([^$]+)\$.+", stored)
    if not parts:
        return False
    return hmac.compare_digest(verifier(password, base64.b64decode(parts[2]), int(parts[1])), stored)
