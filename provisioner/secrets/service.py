"""Secrets at rest, in envelopes: AES-256-GCM with a data key for each secret, which a key from `keys` wraps.

Secret and data key are bound to the place where they are kept: what is copied to another row, field or table does not
open. To change the wrapping key costs nothing but new wraps; the secrets themselves stay as they are.
"""

import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from provisioner.errors import DomainError
from provisioner.secrets import keys
from provisioner.secrets.keys import Key

NONCE_BYTES = 12


class CannotOpen(DomainError):
    code = "secret-cannot-be-opened"
    message = "A stored secret does not open with key %(key_id)s. Was it changed, or copied from elsewhere?"


@dataclass(frozen=True)
class Sealed:
    """Each is a nonce, a ciphertext and its tag."""

    key_id: str  # of the key that wraps the data key
    wrap: bytes | None  # the data key; None: `box` was sealed before there were data keys, with the root key itself
    box: bytes  # the secret


def derived(purpose: str) -> bytes:
    """A key of 32 bytes for one purpose (signing cookies, cursors...), the same in every process of the service.

    It comes from the root key, which wraps nothing: nobody is signed out when the keys of secrets change.
    """
    return HKDF(hashes.SHA256(), keys.BYTES, None, purpose.encode()).derive(keys.root().secret)


def seal(text: str, *, place: str) -> Sealed:
    """Encrypt `text` for `place`, which names table, row and field."""
    data_key, key = secrets.token_bytes(keys.BYTES), keys.current()
    return Sealed(key.id, _wrapped(data_key, key, place), _closed(data_key, text.encode(), place))


def unseal(sealed: Sealed, *, place: str) -> str:
    """What was sealed for this place; CannotOpen for another place or a changed box, UnknownKey without its key."""
    try:
        if sealed.wrap is None:
            return _opened(keys.root().secret, sealed.box, f"{place}:{sealed.key_id}").decode()
        return _opened(_data_key(sealed, place), sealed.box, place).decode()
    except InvalidTag:
        raise CannotOpen(key_id=sealed.key_id) from None


def rewrapped(sealed: Sealed, *, place: str) -> Sealed:
    """The same box, its data key wrapped with the current key."""
    key = keys.current()
    try:
        return Sealed(key.id, _wrapped(_data_key(sealed, place), key, place), sealed.box)
    except InvalidTag:
        raise CannotOpen(key_id=sealed.key_id) from None


def _data_key(sealed: Sealed, place: str) -> bytes:
    assert sealed.wrap is not None  # noqa: S101 - whoever has none is sealed anew
    return _opened(keys.by_id(sealed.key_id).secret, sealed.wrap, _of_wrap(place, sealed.key_id))


def _wrapped(data_key: bytes, key: Key, place: str) -> bytes:
    return _closed(key.secret, data_key, _of_wrap(place, key.id))


def _of_wrap(place: str, key_id: str) -> str:
    return f"{place}:key:{key_id}"


def _closed(key: bytes, content: bytes, bound_to: str) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, bound_to.encode())


def _opened(key: bytes, box: bytes, bound_to: str) -> bytes:
    return AESGCM(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], bound_to.encode())
