"""The keys by which a host proves that it is the right one, as people give them and as ssh reads them."""

import binascii
import hashlib
from base64 import b64decode, b64encode
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from provisioner.errors import Invalid

KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
SHORTEST_RSA = 2048  # bits
MOST = 12  # keys of one host
SSH_PORT = 22


class BadHostKey(Invalid):
    """Told at the field that the keys came in."""

    def __init__(self, detail: str) -> None:
        super().__init__(errors=[{"pointer": "/host_key", "detail": detail}])


@dataclass(frozen=True)
class HostKey:
    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As ssh and ssh-keygen show it."""
        return "SHA256:" + b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    def __str__(self) -> str:
        return f"{self.kind} {b64encode(self.blob).decode()}"


def read(text: str, address: str, port: int) -> list[HostKey]:
    """The keys in lines as `ssh-keyscan` prints them or as a `.pub` file has them; BadHostKey."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    keys = list(dict.fromkeys(_key(words, called(address, port)) for words in lines))
    if not keys:
        raise BadHostKey("There is no key in it.")
    if len(keys) > MOST:
        raise BadHostKey("These are too many keys for one server.")
    return keys


def called(address: str, port: int) -> str:
    """How ssh looks a host up among those that it knows."""
    return address if port == SSH_PORT else f"[{address}]:{port}"


def known_hosts(keys: list[HostKey], address: str, port: int) -> str:
    """These keys as lines of ssh's own file."""
    return "".join(f"{called(address, port)} {key}\n" for key in keys)


def pinned(known_hosts: str) -> list[HostKey]:
    """The keys in lines of ssh's own file, as `known_hosts` above writes them; comments and other lines are none."""
    parts = (line.split() for line in known_hosts.splitlines())
    return [HostKey(words[1], b64decode(words[2])) for words in parts if words[1:2] and words[1] in KINDS]


def _key(words: list[str], name: str) -> HostKey:
    if words[0] not in KINDS:
        if words[0].lower() not in {name, f"[{name}]:{SSH_PORT}"}:
            raise BadHostKey("This is neither a key nor a line about this server.")
        words = words[1:]
    if len(words) < len(("kind", "blob")) or words[0] not in KINDS:
        raise BadHostKey("A key reads like this: ssh-ed25519 AAAA...")
    return HostKey(words[0], _blob(words[0], words[1]))


def _blob(kind: str, encoded: str) -> bytes:
    """ssh would skip a line that it cannot read, and then refuse the host without saying why."""
    try:
        key = load_ssh_public_key(f"{kind} {encoded}".encode())
        blob = b64decode(encoded, validate=True)
    except (ValueError, UnsupportedAlgorithm, binascii.Error):
        raise BadHostKey("This key is not well formed. Was a part of it lost?") from None
    if isinstance(key, RSAPublicKey) and key.key_size < SHORTEST_RSA:
        raise BadHostKey("This RSA key is too short to be trusted.")
    return blob
