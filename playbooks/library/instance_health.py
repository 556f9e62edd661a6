"""Ansible module: see whether an instance serves what it should."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from html.parser import HTMLParser
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import HTTPHandler, OpenerDirector, ProxyHandler, Request, build_opener

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.unix_rpc import UnixConnection

DOCUMENTATION = r"""
module: instance_health
short_description: See whether an instance serves what it should
description:
  - Asks for a page until it answers with every expected text and the expected release, or until the time is over.
  - A text counts only where a reader sees it, so a name that got into the page as markup is not found.
options:
  address:
    description: Where the service listens, without a trailing slash; or where people reach it, if it has a socket.
    type: str
    required: true
  socket:
    description: The unix socket that it listens on, if it has one.
    type: path
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

if TYPE_CHECKING:
    from http.client import HTTPResponse

PAUSE = 0.1
ASK_SECONDS = 5
LARGEST_PAGE = 1_000_000


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


class OverSocket(HTTPHandler):
    """Asks whoever listens on the socket, whatever host the address names."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def http_open(self, wanted: Request) -> HTTPResponse:
        return self.do_open(lambda *_, **__: UnixConnection(self.path), wanted)  # type: ignore[arg-type]


def opener_of(socket: str | None) -> OpenerDirector:
    return build_opener(ProxyHandler({}), *([OverSocket(socket)] if socket else []))


def fetch(opener: OpenerDirector, address: str, status: int) -> str:
    """The page, if it answers with this status; else HTTPError, or OSError for another success."""
    try:
        answer = opener.open(address, timeout=ASK_SECONDS)
    except HTTPError as refusal:
        if refusal.code != status:
            raise
        answer = refusal
    with answer:
        body: bytes = answer.read(LARGEST_PAGE)
    if answer.status != status:
        raise OSError(f"it answers {answer.status}")
    return body.decode("utf-8", errors="replace")


@dataclass(frozen=True)
class Expected:
    address: str
    socket: str | None
    page: str
    status: int
    texts: list[str]
    version_page: str
    version_pattern: str
    version: str

    def look(self) -> tuple[str, str]:
        """The release that is served and what is wrong, each empty if unknown or nothing."""
        opener = opener_of(self.socket)
        try:
            page = visible(fetch(opener, self.address + self.page, self.status))
            told = re.search(self.version_pattern, fetch(opener, self.address + self.version_page, self.status))
        except HTTPError as answer:
            return "", f"{answer.url} answers {answer.code}"
        except (OSError, HTTPException) as problem:
            return "", f"{self.address} does not answer: {problem}"
        served = told[1] if told else ""
        if missing := [text for text in self.texts if plain(text) not in page]:
            return served, f"{self.page} does not show: {', '.join(missing)}"
        return served, "" if served == self.version else f"it serves release {served or 'unknown'}, not {self.version}"

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
    given = dict(module.params)
    timeout, required, report = given.pop("timeout"), given.pop("required"), given.pop("report")
    served, wrong = Expected(**given).wait(timeout)
    report = {**report, "health": "unhealthy" if wrong else "healthy", "active_version": served, "cause": wrong}
    if wrong and required:
        module.fail_json(msg=f"The instance is not healthy: {wrong}.", prov_report=report)
    module.exit_json(changed=False, prov_report=report)


if __name__ == "__main__":
    main()
