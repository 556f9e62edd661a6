"""A reader of a live log misses nothing and reads nothing twice, although the process that serves it is killed."""

import http.client
import os
import re
import signal
import urllib.request
from contextlib import ExitStack
from http.cookiejar import CookieJar
from itertools import count
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.chaos.estate import Estate
from tests.running import Service, open_files, processes, wait_for

pytestmark = pytest.mark.journey

PASSWORD = "correct horse battery staple"
MINUTE = 60_000  # milliseconds
numbers = count(1)


def talking(estate: Estate, words: int) -> Any:
    """A job that speaks for a while."""
    slug = f"talkers-{next(numbers)}"
    names = {"fr": slug.title(), "ar": f"جماعة {slug}"}
    made = estate.post("/administrations", {"kind": "commune", "slug": slug, "names": names})
    wish = {"administration": made["id"], "app": "talker", "reason": "test", "settings": {"words": words}}
    return estate.post("/requests", wish)


@pytest.fixture
def talk(estate: Estate) -> Any:
    return talking(estate, 40)


def events(service: Service, job: Any) -> list[Any]:
    found: list[Any] = []
    after, complete = "", False
    while not complete:
        seen = service.get(f"/jobs/{job['id']}/events?after={after}")
        found, after, complete = found + seen["items"], seen["next"], seen["complete"]
    return found


def place(event: Any) -> str:
    return f"{event['attempt']}-{event['counter']}"


def web_processes(estate: Estate) -> list[int]:
    """Those that answer; the oldest one only keeps them."""
    answering = estate.pool("web")
    assert len(answering) == 2
    return answering


class Reader:
    """Reads the stream as a browser does, remembering the last id."""

    def __init__(self, service: Service, job: Any, session: str) -> None:
        self._service, self._job, self._session = service, job, session
        self.places: list[str] = []
        self.ended = False

    def __enter__(self) -> Self:
        """Connect, again or for the first time."""
        address = urlsplit(self._service.url)
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
        self._connection.request(
            "GET", f"/jobs/{self._job['id']}/stream", headers={"Cookie": self._session} | self._last()
        )
        self._ours = self._connection.sock.getsockname()[1]
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200
        return self

    def __exit__(self, *_: object) -> None:
        self._answer.close()
        self._connection.close()

    def _last(self) -> dict[str, str]:
        return {"Last-Event-ID": self.places[-1]} if self.places else {}

    def read(self, most: int = 1_000_000) -> None:
        """Until so many events are known, the job has ended, or the line breaks. An event counts once it is whole."""
        place = ""
        while not self.ended and len(self.places) < most and (line := self._answer.readline().decode()):
            if line.startswith("id: "):
                place = line.removeprefix("id: ").strip()
            if line == "\n" and place:
                self.places.append(place)
                place = ""
            self.ended = line == "event: end\n"

    def server(self) -> int:
        """The process at the other end of the line, by the kernel's table of connections."""
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, _, remote, *rest = line.split()
            if int(remote.split(":")[1], 16) == self._ours:
                return next(pid for pid in processes("gunicorn") if f"socket:[{rest[6]}]" in open_files(pid))
        raise AssertionError("nobody is at the other end")


@pytest.fixture(scope="module")
def hind(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Somebody who may look; her name."""
    file = tmp_path_factory.mktemp("hind") / "password"
    file.write_text(PASSWORD)
    user = ["users", "add", "hind", "--name", "Hind", "--role", "viewer", "--language", "en"]
    estate.run(*user, "--password-file", str(file))
    return "hind"


def signed_in(service: Service, name: str) -> str:
    """The cookie of a session."""
    jar = CookieJar()
    visit = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar)).open
    with visit(f"{service.url}/login", timeout=10) as page:
        hidden = re.search(r'name="csrf_token" value="(\w+)"', page.read().decode())
    form = {"username": name, "password": PASSWORD, "csrf_token": hidden[1] if hidden else ""}
    visit(f"{service.url}/login", urlencode(form).encode(), timeout=10).close()
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


def test_a_reader_goes_on_in_another_process_without_gap_or_double(estate: Estate, talk: Any, hind: str) -> None:
    reader = Reader(estate, talk, signed_in(estate, hind))
    killed = []
    for most in (6, 20):
        with reader:
            reader.read(most)
            killed.append(reader.server())
            os.kill(killed[-1], signal.SIGKILL)
    with reader:
        reader.read()

    said = events(estate, talk)
    told = [place(event) for event in said]
    assert {event["module"] for event in said if event["task"]} == {"ansible.builtin.wait_for"}
    assert reader.ended
    assert reader.places == told
    assert len(set(killed)) == 2
    assert estate.ended(talk["id"])["events_stored"] == len(told) > 40


def test_more_readers_than_threads_leave_pages_their_room(estate: Estate, hind: str) -> None:
    job, session = talking(estate, 500), signed_in(estate, hind)
    with ExitStack() as readers:
        for _ in range(70):  # two processes have 64 threads
            readers.enter_context(Reader(estate, job, session))

        with urllib.request.urlopen(f"{estate.url}/login", timeout=10) as page:
            assert page.status == 200
        assert estate.get(f"/jobs/{job['id']}")["state"] in {"queued", "running"}
    estate.post(f"/jobs/{job['id']}/cancel", {"reason": "test"})
    assert estate.ended(job["id"])["cause"] == "cancelled"


@pytest.mark.browser
def test_a_browser_goes_on_by_itself(estate: Estate, chromium: Browser, talk: Any, hind: str) -> None:
    page = chromium.new_context(base_url=estate.url, locale="en").new_page()
    page.goto(f"/jobs/{talk['id']}")
    page.fill("#username", hind)
    page.fill("#password", PASSWORD)
    page.click("main button[type=submit]")
    expect(page.locator("#log li")).not_to_have_count(0, timeout=MINUTE)

    for pid in web_processes(estate):
        os.kill(pid, signal.SIGKILL)

    expect(page.locator(".log-live")).to_have_text("Finished", use_inner_text=True, timeout=3 * MINUTE)
    shown = page.locator("#log li").evaluate_all("lines => lines.map((line) => line.id)")
    wait_for("the job to end", lambda: estate.ended(talk["id"]))
    assert shown == [place(event) for event in events(estate, talk) if event["stdout"].strip("\n")]
