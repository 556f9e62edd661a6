"""Ansible module: see whether an instance serves what it should."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urljoin, urlsplit

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.tenant import TENANT, Tenant

DOCUMENTATION = r"""
module: instance_health
short_description: See whether an instance serves what it should
description:
  - Asks for a page until it answers with every expected text and the expected release, or until the time is over.
  - A text counts only where a reader sees it, so a name that got into the page as markup is not found.
  - Nothing but the service is asked, and no longer than a few seconds for each page. A redirection is followed only
    where it stays at the address.
options:
  address:
    description: Where the service listens, without a trailing slash; or where people reach it, if it has a socket.
    type: str
    required: true
  socket:
    description: The unix socket that it listens on, if it has one.
    type: path
  tenant:
    description:
      - The unix user that the instance runs as, as in M(instance_files), if it has one. It is this user who connects to
        the socket, for the instance could have put a link to another one in its place.
    type: dict
  page:
    description: Path of the page that shows the texts.
    type: str
    default: /
  status:
    description: The HTTP status of a page that is as it should be.
    type: int
    default: 200
  texts:
    description: Texts a reader must see on the page; empty ones are left out.
    type: list
    elements: str
    default: []
  version_page:
    description: Path of the page that tells the release.
    type: str
    required: true
  version_pattern:
    description: Regular expression whose first group is the release.
    type: str
    required: true
  version:
    description: The release it should serve.
    type: str
    required: true
  timeout:
    description: Seconds to wait for it to become healthy.
    type: float
    default: 30
  required:
    description: Whether an unhealthy instance is a failure; otherwise it is only reported.
    type: bool
    default: true
  report:
    description: More facts for the inventory.
    type: dict
    default: {}
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Wait until the portal serves
  instance_health:
    address: http://127.0.0.1:8101
    texts: ["{{ administration.name_ar }}", "{{ administration.name_fr }}"]
    version_page: /-/versions.json
    version_pattern: '"datasette": \{"version": "([0-9.]+)"'
    version: "0.65.5"
"""

RETURN = r"""
prov_report:
  description: C(health) (healthy or unhealthy), C(active_version) (what is served), C(cause), the given facts.
  type: dict
  returned: always
"""

PAUSE = 0.1
ASK_SECONDS = 5  # for a page, with all that leads to it
MOST_STEPS = 5
REDIRECTED = {301, 302, 303, 307, 308}
LARGEST_PAGE = 1_000_000
LONGEST_VERSION = 100


class Reader(HTMLParser):
    """Collects the text that a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_data(self, data: str) -> None:
        self.seen.append(data)


def plain(text: str) -> str:
    return " ".join(text.split())


def visible(page: str) -> str:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return plain("".join(reader.seen))


class Hurried(socket.socket):
    """Gives up at a moment, however often a little comes until then."""

    until = 0.0

    def recv_into(self, *given: Any) -> int:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left)
        return super().recv_into(*given)


class Connection(HTTPConnection):
    """To the host and port of the address; or as the tenant to whoever listens on the socket."""

    def __init__(self, address: str, path: str | None, tenant: Tenant, until: float) -> None:
        parts = urlsplit(address)
        super().__init__(parts.hostname or "", parts.port)
        self._path, self._tenant, self._until = path, tenant, until

    def connect(self) -> None:
        if self._path:
            self.sock = Hurried(socket.AF_UNIX)
            self.sock.settimeout(ASK_SECONDS)
            with self._tenant.acting():
                self.sock.connect(self._path)
        else:
            connected = socket.create_connection((self.host, self.port), ASK_SECONDS)
            self.sock = Hurried(fileno=connected.detach())
        self.sock.until = self._until


class Other(Exception):
    """It answers, but not with this page."""


@dataclass(frozen=True)
class Expected:
    address: str
    socket: str | None
    tenant: Tenant
    page: str
    status: int
    texts: list[str]
    version_page: str
    version_pattern: str
    version: str

    def look(self) -> tuple[str, str]:
        """The release that is served and what is wrong, each empty if unknown or nothing."""
        try:
            page = visible(self._fetch(self.page))
            told = re.search(self.version_pattern, self._fetch(self.version_page))
        except Other as other:
            return "", str(other)
        except (OSError, HTTPException, ValueError, KeyError) as problem:  # KeyError: no such user
            return "", f"{self.address} does not answer: {problem}"
        served = told[1][:LONGEST_VERSION] if told else ""
        if missing := [text for text in self.texts if plain(text) not in page]:
            return served, f"{self.page} does not show: {', '.join(missing)}"
        return served, "" if served == self.version else f"it serves release {served or 'unknown'}, not {self.version}"

    def _fetch(self, page: str) -> str:
        """The page, if it answers with this status; else Other."""
        until, url = time.monotonic() + ASK_SECONDS, self.address + page
        for _ in range(MOST_STEPS):
            code, onward, body = self._ask(url, until)
            if code == self.status:
                return body.decode("utf-8", errors="replace")
            url = urljoin(url, onward)
            if code not in REDIRECTED or urlsplit(url)[:2] != urlsplit(self.address)[:2]:
                break
        raise Other(f"{self.address}{page} answers {code}")

    def _ask(self, url: str, until: float) -> tuple[int, str, bytes]:
        """Status, where it leads to instead, and content."""
        connection = Connection(self.address, self.socket, self.tenant, until)
        try:
            parts = urlsplit(url)
            wanted = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", wanted, headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Location", ""), answer.read(LARGEST_PAGE)
        finally:
            connection.close()

    def wait(self, timeout: float) -> tuple[str, str]:
        deadline = time.monotonic() + timeout
        served, wrong = self.look()
        while wrong and time.monotonic() < deadline:
            time.sleep(PAUSE)
            served, wrong = self.look()
        return served, wrong


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True},
            "socket": {"type": "path"},
            "tenant": TENANT,
            "page": {"type": "str", "default": "/"},
            "status": {"type": "int", "default": 200},
            "texts": {"type": "list", "elements": "str", "default": []},
            "version_page": {"type": "str", "required": True},
            "version_pattern": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
            "timeout": {"type": "float", "default": 30},
            "required": {"type": "bool", "default": True},
            "report": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    given = {**module.params, "tenant": Tenant.of(module.params["tenant"])}
    timeout, required, report = given.pop("timeout"), given.pop("required"), given.pop("report")
    served, wrong = Expected(**given).wait(timeout)
    report = {**report, "health": "unhealthy" if wrong else "healthy", "active_version": served, "cause": wrong}
    if wrong and required:
        module.fail_json(msg=f"The instance is not healthy: {wrong}.", prov_report=report)
    module.exit_json(changed=False, prov_report=report)


if __name__ == "__main__":
    main()
