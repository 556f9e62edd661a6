"""The health of an instance that may have been taken over: whoever looks at it is root, and is not to be led astray."""

import os
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PAGE = b"HTTP/1.0 200 OK\r\n\r\nPortal 1.2"
TENANT = "nobody"


@contextmanager
def listening(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Answers(socketserver.StreamRequestHandler):
    """What each path is answered, in pieces."""

    pages: dict[str, list[bytes]]
    pause = 0.0

    def handle(self) -> None:
        for piece in self.pages[self.rfile.readline().split()[1].decode()]:
            try:
                self.wfile.write(piece)
            except OSError:  # nobody hears it any more
                return
            time.sleep(self.pause)


def serving(path: Path, *, pause: float = 0.0, **pages: list[bytes]) -> Any:
    told = {f"/{name}": said for name, said in pages.items()}
    answers = type("TheseAnswers", (Answers,), {"pages": told, "pause": pause})
    server = socketserver.ThreadingUnixStreamServer(str(path), answers)
    server.daemon_threads = True
    return listening(server)


def redirected(to: str) -> list[bytes]:
    return [f"HTTP/1.0 302 Found\r\nLocation: {to}\r\n\r\n".encode()]


@pytest.fixture
def health(module, short: Path):
    def look(**changes: Any) -> dict[str, Any]:
        expected = {
            "address": "http://portal.example",
            "socket": str(short / "web.sock"),
            "page": "/page",
            "version_page": "/page",
            "version_pattern": "Portal ([0-9.]+)",
            "version": "1.2",
            "timeout": 0.1,
            "required": False,
        }
        result: dict[str, Any] = module("instance_health", **expected | changes)["prov_report"]
        return result

    return look


def test_a_redirection_is_followed_through_the_same_socket(health, short: Path):
    with serving(short / "web.sock", page=redirected("/other?a=b"), **{"other?a=b": [PAGE]}):
        assert health()["health"] == "healthy"


def test_a_redirection_to_itself_ends(health, short: Path):
    with serving(short / "web.sock", page=redirected("http://portal.example/page")):
        assert health()["cause"] == "http://portal.example/page answers 302"


@pytest.mark.parametrize(
    "to", ["http://127.0.0.1:{}/", "https://127.0.0.1:{}/", "ftp://127.0.0.1:{}/", "file:///etc/passwd"]
)
def test_a_redirection_leads_nowhere_else(health, short: Path, free_port: Callable[[], int], to: str):
    asked = []

    class Elsewhere(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked.append(self.client_address)

    elsewhere = socketserver.TCPServer(("127.0.0.1", free_port()), Elsewhere)
    there = to.format(elsewhere.server_address[1])
    with listening(elsewhere), serving(short / "web.sock", page=redirected(there)):
        assert health()["cause"] == "http://portal.example/page answers 302"

    assert asked == []


@pytest.mark.parametrize("where", ["head", "body"])
def test_who_answers_a_little_at_a_time_is_not_heard_out(health, short: Path, monkeypatch, where: str):
    monkeypatch.setattr("instance_health.ASK_SECONDS", 0.5)
    said = [b"HTTP/1.0 200 OK\r\n", *([b"\r\n"] if where == "body" else []), *([b"x"] * 1000)]
    began = time.monotonic()
    with serving(short / "web.sock", pause=0.05, page=said):
        report = health()

    assert report["cause"] == "http://portal.example does not answer: timed out"
    assert time.monotonic() - began < 5


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as somebody else")
def test_a_link_in_the_place_of_the_socket_leads_only_where_the_tenant_may_go(health, short: Path):
    for folder, mode in ((short, 0o711), (short / "private", 0o700)):
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)
    (short / "web.sock").symlink_to(short / "private" / "other.sock")
    tenant = {"name": TENANT, "home": str(short), "sockets": str(short), "proxy_group": "root"}
    with serving(short / "private" / "other.sock", page=[PAGE]):
        as_root, as_tenant = health(), health(tenant=tenant)

    assert as_root["health"] == "healthy"
    assert as_tenant["cause"] == "http://portal.example does not answer: [Errno 13] Permission denied"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as somebody else")
def test_the_tenant_reaches_the_socket_of_its_service(health, short: Path):
    short.chmod(0o711)
    tenant = {"name": TENANT, "home": str(short), "sockets": str(short), "proxy_group": "root"}
    with serving(short / "web.sock", page=[PAGE]):
        (short / "web.sock").chmod(0o666)

        assert health(tenant=tenant)["health"] == "healthy"
        assert os.geteuid() == 0
        assert "name not found" in health(tenant=tenant | {"name": "no-such-tenant"})["cause"]
