"""The keys that secrets are kept under: files in the state folder and, where a setting names them, keys from outside.

Several may be known, and one is current: it wraps whatever is sealed from now on. The others still open what they
wrapped. They are looked up anew each time, so that every process knows a new one at once.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from provisioner.config import settings
from provisioner.errors import Conflict, DomainError
from provisioner.secrets.files import create

BYTES = 32
ROOT = "master.key"
NUMBERED = "secrets-{:04}.key"


class BadKey(DomainError):
    code = "bad-key"
    message = "What stands in %(where)s is no key of 32 bytes."


class UnknownKey(DomainError):
    code = "unknown-key"
    message = "A stored secret is wrapped with key %(key_id)s, which is not here."


class KeysFromOutside(Conflict):
    code = "keys-from-outside"
    message = "The keys come from outside, by a setting: put a new one before the others there, and repeat this."


@dataclass(frozen=True)
class Key:
    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Tells the key, and nothing of it."""
        return hashlib.sha256(self.secret).hexdigest()[:12]


def root() -> Key:
    """What the keys of cookies and cursors are derived from. It changes only if somebody replaces its file."""
    path = _folder() / ROOT
    if not path.exists():
        create(path, secrets.token_bytes(BYTES))
    return _read(path)


def known() -> list[Key]:
    """All keys for secrets, the current one first."""
    return [*_from_outside(), *_from_folder()]


def current() -> Key:
    """The key that new secrets are wrapped with; the first is made when it is first needed."""
    found = known()
    return found[0] if found else _numbered(1)


def by_id(key_id: str) -> Key:
    """UnknownKey if it is not here."""
    for key in known():
        if key.id == key_id:
            return key
    raise UnknownKey(key_id=key_id)


def add() -> Key:
    """Make a new key and let it be the current one; KeysFromOutside where that is not ours to do."""
    if any(_from_outside()):
        raise KeysFromOutside
    return _numbered(len(_files()) + 1)


def _folder() -> Path:
    return settings().state_dir / "keys"


def _files() -> list[Path]:
    """The newest last: they are numbered in the order in which they were made."""
    return sorted(_folder().glob("secrets-*.key"))


def _numbered(number: int) -> Key:
    path = _folder() / NUMBERED.format(number)
    create(path, secrets.token_bytes(BYTES))
    return _read(path)


def _from_folder() -> Iterator[Key]:
    return map(_read, reversed(_files()))


def _from_outside() -> Iterator[Key]:
    for word in settings().secrets_keys.split(","):
        if word.strip():
            yield _spelled(word, "PROVISIONER_SECRETS_KEYS")
    if name := settings().secrets_keys_file:
        for word in _words(name):
            yield _spelled(word, name)


def _words(name: str) -> list[str]:
    try:
        return Path(name).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        raise BadKey(where=name) from None


def _spelled(text: str, where: str) -> Key:
    try:
        return _checked(base64.b64decode(text.strip(), validate=True), where)
    except ValueError:
        raise BadKey(where=where) from None


@cache
def _read(path: Path) -> Key:
    return _checked(path.read_bytes(), str(path))


def _checked(secret: bytes, where: str) -> Key:
    if len(secret) != BYTES:
        raise BadKey(where=where)
    return Key(secret)
