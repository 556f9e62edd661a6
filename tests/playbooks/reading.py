"""Reads what an instance serves, and what its database holds."""

import base64
import json
import urllib.request
from contextlib import closing
from html import unescape
from typing import Any

import psycopg

from provisioner.embedded.layout import Layout

from .inventory import SECRETS


def officer(password: str) -> dict[str, str]:
    """What the first account sends along to be let in."""
    return {"Authorization": "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()}


OFFICER = officer(SECRETS["admin_password"])


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def ask(
    url: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None, of: str = ""
) -> str:
    """What a call answers, or of that the header that is named."""
    call = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    with urllib.request.urlopen(call, timeout=10) as answer:
        return answer.headers[of] if of else answer.read().decode()


def rest(
    address: str,
    path: str,
    body: dict[str, Any] | None = None,
    password: str = SECRETS["admin_password"],
    instead_of: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A call of the tracker's REST interface as its administrator; `instead_of`: what was read and is to change."""
    request = urllib.request.Request(
        f"{address}/rest/data/{path}",
        data=json.dumps(body).encode() if body else None,
        headers=officer(password)
        | {
            "Content-Type": "application/json",
            "X-Requested-With": "rest",
            "Origin": address,
            **({"If-Match": instead_of["@etag"]} if instead_of else {}),
        },
        method="PATCH" if instead_of else None,
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["data"]


def comment(address: str, text: str, thread: str = "/", **more: str) -> dict[str, Any]:
    """What the page of a consultation sends when somebody comments."""
    request = urllib.request.Request(
        f"{address}/isso/new?uri={thread}",
        data=json.dumps({"text": text, "title": "Consultation", **more}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def comments(address: str) -> list[dict[str, Any]]:
    return json.loads(get(f"{address}/isso/?uri=/"))["replies"]


def shows(page: str, text: str) -> bool:
    """Whether a reader sees the text, and the browser no markup of it."""
    return text in unescape(page) and "<script>alert" not in page


def database(host: Layout, short_id: str) -> psycopg.Connection:
    return psycopg.connect(
        host=str(host.tenants.socket_dir),
        user=short_id,
        password=SECRETS["database_password"],
        dbname=short_id,
        autocommit=True,
    )


def schema_version(host: Layout, short_id: str) -> int:
    """Of a tracker."""
    with closing(database(host, short_id)) as connection:
        text = connection.execute("SELECT schema FROM schema").fetchone()[0]
    return int(text.split("'version': ")[1].split(",")[0])


def in_the_way(host: Layout, short_id: str) -> None:
    """Put something in the way of the migration of a tracker's schema."""
    with closing(database(host, short_id)) as connection:
        connection.execute("CREATE VIEW in_the_way AS SELECT session_time FROM sessions")
