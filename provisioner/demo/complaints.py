"""The REST interface of a complaints instance, as far as the demo needs it."""

import base64
import json
import urllib.request
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Tracker:
    address: str  # with a slash at its end
    admin_password: str

    def file(self, title: str) -> str:
        """File a complaint and return its number."""
        return str(self._call("issue", {"title": title})["id"])

    def title_of(self, number: str) -> str:
        return str(self._call(f"issue/{number}")["attributes"]["title"])

    def _call(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        credentials = base64.b64encode(f"admin:{self.admin_password}".encode()).decode()
        call = urllib.request.Request(  # noqa: S310 - an address of our own
            f"{self.address}rest/data/{path}",
            data=json.dumps(body).encode() if body else None,
            headers={
                "Authorization": f"Basic {credentials}",
                "Content-Type": "application/json",
                "X-Requested-With": "rest",
                "Origin": self.address.rstrip("/"),
            },
        )
        with urllib.request.urlopen(call, timeout=10) as answer:  # noqa: S310
            data: dict[str, Any] = json.load(answer)["data"]
            return data
