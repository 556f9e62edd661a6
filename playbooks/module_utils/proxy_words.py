"""What may stand in the files of a proxy. They are its program, and names come from people."""

from __future__ import annotations

import re
import ssl
from ipaddress import ip_address

LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
NAME = re.compile(rf"(?:{LABEL}\.)+(?=[a-z]){LABEL}")
LONGEST_NAME = 253
PATH = re.compile(r"(?:/[A-Za-z0-9._+-]+)+")
LONGEST_SOCKET = 107  # bytes; the kernel takes no more
ADDRESS = re.compile(r"([0-9.]+|\[[0-9a-f:.]+\]):([1-9][0-9]{0,4})")
LAST_PORT = 65535


def checked_name(name: str) -> str:
    """The name, if it is one: it comes from people, and the file that it is written to is the proxy's program."""
    if len(name) > LONGEST_NAME or not NAME.fullmatch(name) or name.endswith(".invalid"):
        raise ValueError(f"{name!r} is no host name")
    return name


def checked_path(path: str) -> str:
    if not PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise ValueError(f"{path!r} is no path that the proxy can be told")
    return path


def checked_upstream(upstream: str) -> str:
    if upstream.startswith("unix:"):
        if len(checked_path(upstream[5:])) > LONGEST_SOCKET:
            raise ValueError(f"{upstream!r} is too long for a socket")
        return upstream
    told = ADDRESS.fullmatch(upstream)
    if not told or int(told.group(2)) > LAST_PORT:
        raise ValueError(f"{upstream!r} is neither a socket nor an address with its port")
    ip_address(told.group(1).strip("[]"))
    return upstream


def check_pair(certificate: str, key: str) -> None:
    """nginx would find out when somebody comes."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as problem:
        raise ValueError(f"{certificate} and {key} are no certificate with its key: {problem}") from problem
