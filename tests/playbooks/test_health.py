import threading
from collections.abc import Callable, Iterator
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

NAME = "<script>alert(1)</script> {{ 7 * 7 }}\nsecond line"


class Portal(BaseHTTPRequestHandler):
    page = ""

    def do_GET(self) -> None:
        self.send_response(200 if self.page else 503)
        self.end_headers()
        self.wfile.write(self.page.encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def portal(free_port: Callable[[], int]) -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", free_port()), type("OnePortal", (Portal,), {})) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def health(module, portal: ThreadingHTTPServer):
    def look(**changes: object) -> dict[str, object]:
        expected = {
            "address": f"http://127.0.0.1:{portal.server_port}",
            "texts": [NAME, ""],
            "version_page": "/",
            "version_pattern": "Portal ([0-9.]+)",
            "version": "1.2",
            "timeout": 0.1,
        }
        return module("instance_health", **expected | changes)

    return look


def test_a_page_with_the_name_and_the_release_is_healthy(health, portal):
    portal.RequestHandlerClass.page = f"<title>x</title><h1>{escape(NAME)}</h1>Portal 1.2"

    result = health(report={"url": "https://portal.example"})

    assert result["prov_report"] == {
        "health": "healthy",
        "active_version": "1.2",
        "cause": "",
        "url": "https://portal.example",
    }


def test_a_name_that_became_markup_is_not_found(health, portal):
    portal.RequestHandlerClass.page = f"<h1>{NAME}</h1>Portal 1.2"

    result = health()

    assert result["failed"]
    assert result["msg"].startswith("The instance is not healthy: / does not show: <script>")


def test_another_release_than_expected_is_unhealthy_and_told(health, portal):
    portal.RequestHandlerClass.page = f"{escape(NAME)} Portal 1.1"

    result = health()

    assert result["msg"] == "The instance is not healthy: it serves release 1.1, not 1.2."
    assert result["prov_report"]["active_version"] == "1.1"


def test_it_waits_until_the_service_is_there(health, portal):
    portal.RequestHandlerClass.page = ""
    answer = threading.Timer(0.3, setattr, (portal.RequestHandlerClass, "page", f"{escape(NAME)} Portal 1.2"))
    answer.start()

    assert health(timeout=10)["prov_report"]["health"] == "healthy"


def test_an_unhealthy_instance_can_be_a_finding_instead_of_a_failure(health):
    result = health(required=False)

    assert "failed" not in result
    assert result["prov_report"]["health"] == "unhealthy"
    assert result["prov_report"]["cause"].endswith("answers 503")


def test_nobody_listening_is_unhealthy(health):
    assert "does not answer" in health(address="http://127.0.0.1:9")["msg"]
