"""The key pair of backups (age, X25519). Hosts get the public half; the secret one only runs that open a backup."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pyrage.x25519 import Identity

from provisioner.config import settings
from provisioner.db import Json
from provisioner.secrets.files import create

SECRET = re.compile(r"secret|password|passphrase|token|^key$")  # as in playbooks/module_utils/backup_store.py


@cache
def _identity(path: Path) -> Identity:
    if not path.exists():
        create(path, f"{Identity.generate()}\n".encode("ascii"))
    return Identity.from_str(path.read_text(encoding="ascii").strip())


def _pair() -> Identity:
    """Made when it is first needed."""
    return _identity(settings().state_dir / "keys" / "backups.age")


def identity() -> str:
    """The secret key."""
    return str(_pair())


def recipient() -> str:
    """The public key."""
    return str(_pair().to_public())


def store_options() -> Json:
    """What the store asks for, passwords among it, from the file that the settings name: a JSON object."""
    path = settings().backup_store_options
    options: Json = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    return options


def secret_options() -> tuple[str, ...]:
    """Those among them that nobody may see in what a run says. To take out a user's name or an address as well would
    take it out of what the register is told.
    """
    return tuple(_secret(store_options()))


def _secret(options: Json) -> Iterator[str]:
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _secret(value)
        elif isinstance(value, str) and SECRET.search(name):
            yield value
