"""The tenants' PostgreSQL cluster, reached through its own client programs: a host needs nothing else installed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUPERUSER = "postgres"
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")
ITERATIONS = 4096

CONNECTION = {
    "bin": {"type": "path", "required": True},
    "socket_dir": {"type": "path", "required": True},
    "port": {"type": "int", "default": 5432},
    "superuser_password_file": {"type": "path", "required": True, "no_log": False},
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
    superuser_password_file: str
    name: str
    password: str

    @classmethod
    def of(cls, given: dict[str, Any]) -> Database:
        """From the module options listed in CONNECTION."""
        if not IDENTIFIER.fullmatch(given["name"]):
            raise ClusterError(f"{given['name']!r} cannot name a database: small letters, digits and underscores only")
        return cls(**{option: given[option] for option in CONNECTION})

    def as_owner(self, program: str, *arguments: str, stdin: str = "") -> str:
        return self._run(self.name, self.password, self.name, [program, *arguments], stdin)

    def as_superuser(self, sql: str, database: str = "postgres") -> str:
        """The rows of the last statement, one a line, columns parted by `|`."""
        password = Path(self.superuser_password_file).read_text(encoding="utf-8").strip()
        psql = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        return self._run(SUPERUSER, password, database, psql, sql).strip()

    def _run(self, user: str, password: str, database: str, command: list[str], stdin: str) -> str:
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
        done = subprocess.run(program, input=stdin, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            raise ClusterError(f"{command[0]}: {done.stderr.strip()}")
        return done.stdout

    def exists(self) -> bool:
        found = self.as_superuser(f"SELECT 1 FROM pg_database WHERE datname = '{self.name}'")  # noqa: S608 - IDENTIFIER
        return found == "1"

    def create(self) -> None:
        self.as_superuser(f"CREATE DATABASE {self.name} OWNER {self.name} TEMPLATE template0 ENCODING 'UTF8'")
        self.as_superuser(f"REVOKE ALL ON DATABASE {self.name} FROM PUBLIC")

    def drop(self) -> None:
        self.as_superuser(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")


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
