"""Reads what an instance serves."""

import base64
import json
import urllib.request
from html import unescape
from typing import Any

from .inventory import SECRETS


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def rest(address: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """A call of the tracker's REST interface as its administrator."""
    credentials = base64.b64encode(f"admin:{SECRETS['admin_password']}".encode()).decode()
    request = urllib.request.Request(
        f"{address}/rest/data/{path}",
        data=json.dumps(body).encode() if body else None,
        headers={
            "Authorization": f"Basic {credentials}",
            "Content-Type": "application/json",
            "X-Requested-With": "rest",
            "Origin": address,
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["data"]


def shows(page: str, text: str) -> bool:
    """Whether a reader sees the text, and the browser no markup of it."""
    return text in unescape(page) and "<script>alert" not in page
