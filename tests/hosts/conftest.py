"""What the tests of hosts start from: somebody who may, and the key of a server."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask

from provisioner.accounts.policy import Role
from tests.factories import Api


def made_key() -> str:
    """A public key of a server, as in its ssh_host_ed25519_key.pub."""
    return Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@pytest.fixture
def key() -> str:
    return made_key()


@pytest.fixture
def administrator(app: Flask) -> Api:
    return Api(app, Role.ADMINISTRATOR)


@pytest.fixture
def wanted(key: str) -> dict[str, object]:
    """A server as people register one."""
    return {
        "name": "rabat-1",
        "address": "rabat-1.example",
        "site": "rabat",
        "user": "provisioner",
        "private_key_file": "/etc/provisioner/ssh/id_ed25519",
        "host_key": key,
        "reason": "bought",
    }
