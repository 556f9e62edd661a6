"""One name of the proxy, with a real nginx before real instances."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from .proxies import Nginx, at_once, certificate_of, instance

NAME = "portal.region-oriental.example"
HOSTILE = [
    "",
    "default",
    "localhost",
    "include /etc/passwd;.example",
    "a.example; b.example",
    "a.example\n b.example unix:/x",
    "a.example\n",
    "a b.example",
    "~.*\\.example",
    "*.example",
    ".example",
    "a..example",
    "-a.example",
    "a.example.",
    "A.example",
    "a_b.example",
    "$host.example",
    "a{}.example",
    "#a.example",
    "بلدية.example",
    "10.0.0.1",
    "proxy.invalid",
    f"{'a' * 64}.example",
    ".".join(["a" * 60] * 5),
]
NOWHERE = [
    "unix:web.sock",
    "unix:/run/../web.sock",
    "unix:/run/web.sock;",
    "unix:/run/$host.sock",
    "unix:/run/a b.sock",
    "unix:/run/web.sock:/path",
    f"unix:/{'a' * 107}",
    "db.example:80",
    "127.0.0.1",
    "127.0.0.1:0",
    "127.0.0.1:65536",
    "127.0.0.256:80",
    "127.0.0.1:80/path",
    "[::1:80",
]


@pytest.fixture
def upstream(short: Path) -> Iterator[str]:
    with instance(short / "web.sock", "portal") as where:
        yield where


@pytest.fixture
def site(module, nginx: Nginx, upstream: str) -> Callable[..., dict[str, Any]]:
    def converge(*, check: bool = False, **changes: Any) -> dict[str, Any]:
        usual = {"name": NAME, "upstream": upstream, "folder": str(nginx.folder), "reload": nginx.reload}
        return module("instance_site", check=check, **usual | changes)

    return converge


def test_a_name_leads_to_its_instance_and_the_second_time_nothing_changes(site, nginx: Nginx):
    first, second = site(), site()

    assert (first["changed"], second["changed"]) == (True, False)
    assert (first["drift"], nginx.reloads) == (["site: it is missing"], 1)
    assert all(lock.stat().st_mode & 0o077 == 0 for lock in nginx.folder.glob("*.lock"))
    assert nginx.get(NAME, "/a%2Fb?c=%20d").told["path"] == "/a%2Fb?c=%20d"
    assert nginx.get(NAME.upper()).told["who"] == "portal"


def test_other_names_lead_nowhere(site, nginx: Nginx):
    site()

    answer = nginx.get("nobody.example", method="POST")

    assert answer.status == 404
    assert all(f'lang="{language}"' in answer.body for language in ("ar", "fr", "en"))


def test_each_name_leads_to_its_own_instance(site, nginx: Nginx, short: Path):
    with instance(short / "other.sock", "other") as other:
        site()
        site(name="other.example", upstream=other)

        assert [nginx.get(name).told["who"] for name in (NAME, "other.example")] == ["portal", "other"]


def test_a_name_moves_to_another_instance(site, nginx: Nginx, short: Path):
    site()
    with instance(short / "other.sock", "other") as other:
        result = site(upstream=other)

        assert result["drift"] == ["site: it leads elsewhere"]
        assert result["diff"]["after"] == f"{NAME} {other};\n"
        assert nginx.get(NAME).told["who"] == "other"


def test_when_a_name_was_last_asked_for_is_known_and_nothing_of_who_did(site, nginx: Nginx):
    never = site()["last_used"]
    before = datetime.now(UTC) - timedelta(seconds=1)
    nginx.get(NAME.upper(), "/secret?of=mine")
    nginx.get("nobody.example")
    told = datetime.fromisoformat(site(check=True)["last_used"])
    [kept] = (nginx.folder / "used").iterdir()

    assert kept.parent.stat().st_mode & 0o077 == 0
    assert never == ""
    assert before < told < datetime.now(UTC) + timedelta(seconds=1)
    assert (kept.name, kept.read_text()) == (NAME, "\n")


def test_of_many_uses_the_last_one_is_kept_and_nothing_of_a_name_that_is_gone(site, nginx: Nginx):
    site()
    nginx.get(NAME)
    [kept] = (nginx.folder / "used").iterdir()
    os.truncate(kept, 2 << 20)
    os.utime(kept, (0, 0))
    long_ago = site()["last_used"]

    assert (long_ago, site()["last_used"]) == ("1970-01-01T00:00:00+00:00",) * 2
    assert kept.stat().st_size == 0
    site(state="absent")
    assert not kept.exists()


def test_a_name_can_be_taken_away(site, nginx: Nginx):
    site()

    first, second = site(state="absent"), site(state="absent")

    assert (first["drift"], second["drift"]) == (["site: it is there"], [])
    assert (nginx.names, nginx.reloads) == ([], 2)
    assert nginx.get(NAME).status == 404


def test_looking_only_changes_nothing(site, nginx: Nginx):
    before = site(check=True)
    site()
    after = site(check=True, upstream="127.0.0.1:8101")

    assert (before["drift"], after["drift"]) == (["site: it is missing"], ["site: it leads elsewhere"])
    assert (nginx.reloads, nginx.get(NAME).told["who"]) == (1, "portal")


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_host_name_is_refused(site, nginx: Nginx, name: str):
    result = site(name=name)

    assert "is no host name" in result["msg"]
    assert (nginx.names, nginx.reloads) == ([], 0)


@pytest.mark.parametrize("where", NOWHERE)
def test_what_is_no_place_to_listen_is_refused(site, nginx: Nginx, where: str):
    assert site(upstream=where)["failed"]
    assert (nginx.names, nginx.reloads) == ([], 0)


def test_an_instance_may_listen_on_a_port(site, nginx: Nginx):
    assert site(upstream="[::1]:9")["changed"]
    assert nginx.get(NAME).status == 503


def test_the_longest_name_fits(site, nginx: Nginx):
    longest = f"{'.'.join(['a' * 61] * 4)}.bc.de"[-253:]

    site(name=longest)

    assert nginx.get(longest).told["who"] == "portal"


def test_many_at_once_share_reloads_and_all_are_served(nginx: Nginx, upstream: str):
    names = [f"n{number}.example" for number in range(40)]
    calls = [
        {"name": name, "upstream": upstream, "folder": str(nginx.folder), "reload": nginx.reload} for name in names
    ]

    results = at_once("instance_site", calls)

    assert [result["changed"] for result in results] == [True] * 40
    assert nginx.reloads == sum(result["reloaded"] for result in results) <= 20
    assert {nginx.get(name).told["who"] for name in names} == {"portal"}


def test_many_at_once_that_nginx_refuses_leave_everything_as_it_was(site, nginx: Nginx, upstream: str):
    site()
    before = nginx.names
    nginx.main.write_text(nginx.main.read_text() + "nonsense;\n")
    usual = {"upstream": upstream, "folder": str(nginx.folder), "reload": nginx.plain_reload}

    results = at_once("instance_site", [{"name": f"n{number}.example", **usual} for number in range(10)])

    assert all('unknown directive "nonsense"' in result["msg"] for result in results)
    assert nginx.names == before
    assert (nginx.get(NAME).status, nginx.get("n1.example").status) == (200, 404)


def test_when_a_call_ends_the_name_is_served_by_every_worker(site, nginx: Nginx):
    for number in range(5):
        site(name=f"n{number}.example")

        assert {nginx.get(f"n{number}.example").status for _ in range(20)} == {200}


def test_what_nginx_cannot_read_is_put_back_and_said_in_its_words(site, nginx: Nginx):
    site()
    nginx.main.write_text(nginx.main.read_text() + "nonsense;\n")

    added, moved, removed = site(name="b.example"), site(upstream="127.0.0.1:9"), site(state="absent")

    assert all('unknown directive "nonsense"' in result["msg"] for result in (added, moved, removed))
    assert nginx.names == [NAME]
    assert nginx.get(NAME).told["who"] == "portal"
    assert not site(check=True)["changed"]
    nginx.main.write_text(nginx.main.read_text().replace("nonsense;\n", ""))
    assert site(name="b.example")["changed"]
    assert nginx.get("b.example").told["who"] == "portal"


def test_a_reload_that_does_not_happen_is_noticed(site, nginx: Nginx, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ansible.module_utils.proxy_map.PATIENCE", 1)

    result = site(reload=["true"])

    assert "has not done so" in result["msg"]
    assert nginx.names == []


def test_a_line_that_was_written_but_not_read_is_read(site, nginx: Nginx):
    """Whoever wrote it was killed."""
    site()
    (nginx.folder / "loaded").write_text("0\n")

    seen, result = site(check=True), site()

    assert seen["drift"] == result["drift"] == ["site: the proxy has not read it yet"]
    assert nginx.reloads == 2
    assert not site()["changed"]


def test_the_table_of_names_grows_with_them(site, nginx: Nginx):
    names = nginx.folder / "sites.map"
    names.write_text(names.read_text() + "".join(f"x{number}.example unix:/x; # 1\n" for number in range(9000)))

    site()

    assert (nginx.folder / "sites.hash").read_text() == "map_hash_max_size 32768;\n"
    assert "could not build" not in (nginx.folder / "logs/error.log").read_text()
    assert nginx.get(NAME).told["who"] == "portal"


def test_no_request_is_lost_while_names_come_and_go(site, nginx: Nginx):
    site()
    answers, done = [], threading.Event()

    def ask() -> None:
        while not done.is_set():
            answers.append(nginx.get(NAME).status)

    readers = [threading.Thread(target=ask) for _ in range(4)]
    with ExitStack() as stack:
        stack.callback(lambda: [reader.join() for reader in readers])
        stack.callback(done.set)
        for reader in readers:
            reader.start()
        for number in range(6):
            site(name=f"n{number}.example", state="present" if number % 2 else "absent")
            site(name=f"m{number}.example")
        time.sleep(0.2)

    assert len(answers) > 100
    assert set(answers) == {200}


def test_a_certificate_of_ones_own_must_be_one(site, nginx: Nginx, short: Path):
    own, other = certificate_of(short, NAME), certificate_of(short, "other.example")
    other.with_name("privkey.pem").replace(own.with_name("privkey.pem"))

    result = site(certificates=str(short / "certificates"))

    assert "are no certificate with its key" in result["msg"]
    assert nginx.names == []
