"""A real Chromium at a real HTTP server: the service as people use it."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from provisioner.accounts import service as accounts
from provisioner.accounts.policy import Role
from provisioner.accounts.service import NewAccount
from provisioner.db import transaction

PASSWORD = "correct horse battery staple"
PORTS = range(15000, 16000)  # below those that outgoing connections take
PHONE = {"width": 390, "height": 844}

Visit = Callable[..., Page]


def free_port() -> int:
    for port in PORTS:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("no port is free")


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    """The address of the service."""
    server = make_server("127.0.0.1", free_port(), app, threaded=True)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def visit(chromium: Browser, site: str) -> Iterator[Visit]:
    """A browser signed in as an operator: visit(language="ar", scripts=False). No page may complain on its console."""
    with transaction():
        accounts.create_account(NewAccount("amina", "Amina", PASSWORD, roles=frozenset({Role.OPERATOR})))
    contexts, complaints = [], []

    def signed_in(language: str = "en", *, phone: bool = False, scripts: bool = True) -> Page:
        more = {"viewport": PHONE} if phone else {}
        context = chromium.new_context(base_url=site, java_script_enabled=scripts, **more)  # type: ignore[arg-type]
        contexts.append(context)
        context.add_cookies([{"name": "language", "value": language, "url": site}])
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/login")
        page.fill("#username", "amina")
        page.fill("#password", PASSWORD)
        page.click("main button[type=submit]")
        return page

    yield signed_in
    for context in contexts:
        context.close()
    assert complaints == []
