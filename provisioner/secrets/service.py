"""Secrets at rest: AES-256-GCM, each bound to the place where it is kept, under a key from a file.

A sealed secret that is copied to another row, field or table does not open.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from provisioner.config import settings
from provisioner.errors import DomainError

NONCE_BYTES = 12
KEY_BYTES = 32


class CannotOpen(DomainError):
    code = "secret-cannot-be-opened"
    message = "A stored secret does not open with key %(key_id)s. Was the key file replaced?"


@dataclass(frozen=True)
class Sealed:
    key_id: str
    box: bytes  # nonce, ciphertext and tag


def _create(path: Path) -> None:
    """Two processes may start at once: the first link wins, and no reader ever sees half a key."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(secrets.token_bytes(KEY_BYTES))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


@cache
def _master_key(path: Path) -> bytes:
    if not path.exists():
        _create(path)
    return path.read_bytes()


def _key() -> tuple[str, bytes]:
    key = _master_key(settings().state_dir / "keys" / "master.key")
    return hashlib.sha256(key).hexdigest()[:12], key


def derived(purpose: str) -> bytes:
    """A key of 32 bytes for one purpose (signing cookies, cursors...), the same in every process of the service."""
    return HKDF(hashes.SHA256(), KEY_BYTES, None, purpose.encode()).derive(_key()[1])


def seal(text: str, *, place: str) -> Sealed:
    """Encrypt `text` for `place`, which names table, row and field."""
    key_id, key = _key()
    nonce = secrets.token_bytes(NONCE_BYTES)
    return Sealed(key_id, nonce + AESGCM(key).encrypt(nonce, text.encode(), f"{place}:{key_id}".encode()))


def unseal(sealed: Sealed, *, place: str) -> str:
    """What was sealed for this place; CannotOpen for another key, another place or a changed box."""
    nonce, box = sealed.box[:NONCE_BYTES], sealed.box[NONCE_BYTES:]
    try:
        return AESGCM(_key()[1]).decrypt(nonce, box, f"{place}:{sealed.key_id}".encode()).decode()
    except InvalidTag:
        raise CannotOpen(key_id=sealed.key_id) from None
