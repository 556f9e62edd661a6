"""A store of each kind that a backup may go to: a folder, a real SSH server, and a server that speaks S3."""

import getpass
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests import ssh
from tests.running import wait_for

from .runs import PLAYBOOKS

BUCKET = "backups"
CANARY = "canary-store-password-4"
ALLOWED = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
TO_SET_UP = 4  # calls before the server asks everybody for a signature: user, policy, key, bucket


@dataclass(frozen=True)
class Kept:
    """A store, what it asks for, and somebody whom it refuses."""

    url: str
    options: dict[str, Any]
    refused: dict[str, Any]  # empty: it refuses nobody
    secret: str


@contextmanager
def folder(path: Path) -> Iterator[Kept]:
    yield Kept(f"file://{path}/store", {}, {}, CANARY)


@contextmanager
def sftp(path: Path) -> Iterator[Kept]:
    with ssh.server(path / "ssh") as server:
        facts = server.facts()
        login = {
            "username": getpass.getuser(),
            "key_filename": facts["private_key_file"],
            "known_hosts": facts["known_hosts"],
            "password": CANARY,  # not asked for, for the key is enough
            "look_for_keys": False,
            "allow_agent": False,
            "timeout": 9,
        }
        refused = login | {"key_filename": server.facts(login="other_key")["private_key_file"]}
        yield Kept(f"sftp://127.0.0.1:{server.port}{path}/store", login, refused, CANARY)


@contextmanager
def s3(path: Path, at: str = ssh.ADDRESS) -> Iterator[Kept]:
    port = ssh.free_port()
    address = f"http://{at}:{port}"
    with (path / "s3.log").open("wb") as log:
        server = subprocess.Popen(
            [str(Path(sys.executable).with_name("moto_server")), "-H", at, "-p", str(port)],
            env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(TO_SET_UP)},
            stdout=log,
            stderr=log,
        )
    try:
        wait_for("the S3 server to listen", lambda: ssh.listens(port, at))
        key, secret = _account(address)
        login = {"key": key, "secret": secret, "endpoint_url": address}
        yield Kept(f"s3://{BUCKET}/apps", login, login | {"secret": "x" * len(secret)}, secret)
    finally:
        server.kill()
        server.wait()


def _account(address: str) -> tuple[str, str]:
    nobody = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    iam = boto3.client("iam", endpoint_url=address, **nobody)
    iam.create_user(UserName="provisioner")
    iam.put_user_policy(UserName="provisioner", PolicyName="all", PolicyDocument=json.dumps(ALLOWED))
    key = iam.create_access_key(UserName="provisioner")["AccessKey"]
    boto3.client("s3", endpoint_url=address, **nobody).create_bucket(Bucket=BUCKET)
    return key["AccessKeyId"], key["SecretAccessKey"]


KINDS: dict[str, Callable[[Path], Any]] = {"file": folder, "sftp": sftp, "s3": s3}

ASK = """
import json, sys
from pathlib import Path
from types import ModuleType
for name in ("ansible", "ansible.module_utils"):  # as Ansible lays our files out on a server
    sys.modules[name] = ModuleType(name)
    sys.modules[name].__path__ = [sys.argv[1]]
from ansible.module_utils.backup_store import Store
asked = json.load(sys.stdin)
store = Store(asked["url"], asked["options"])
answer = getattr(store, asked["verb"])(*(Path(each[1:]) if each.startswith("@") else each for each in asked["given"]))
print(json.dumps(answer))
"""


@dataclass(frozen=True)
class Asked:
    """A store, asked by the interpreter that the modules have on a server. A path is told by an @ before it."""

    python: Path
    kept: Kept

    def does(self, verb: str, *given: str, **options: Any) -> Any:
        asked = {"url": self.kept.url, "options": self.kept.options | options, "verb": verb, "given": given}
        done = subprocess.run(
            [str(self.python), "-c", ASK, str(PLAYBOOKS / "module_utils")],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip().rpartition("\n")[2])
        return json.loads(done.stdout)
