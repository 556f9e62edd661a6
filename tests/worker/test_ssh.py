"""Hosts that are reached by SSH, with a real server: who is let in, who is not, and what is known afterwards."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioner.hosts.models import Connection, Host
from provisioner.instances import variables
from provisioner.jobs.events import Event
from tests import ssh
from tests.running import processes
from tests.ssh import Server
from tests.worker.playing import INSTANCE, heard, order, python
from worker.progress import Progress
from worker.run import Run

OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5YSNDUyMnVtiPtLYPHyzGkS1bLBmyGMvFmJlzfPyYE"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with ssh.server(tmp_path_factory.mktemp("ssh") / "server") as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_stays(tmp_path: Path) -> Iterator[None]:
    """What acts on the "remote" host does not notice that the line to it is cut."""
    yield
    for pid in processes(str(tmp_path)):
        os.kill(pid, signal.SIGKILL)


class Played:
    """A run on the host with these facts: what it said, how far it came, and how long that took."""

    def __init__(self, folder: Path, facts: Any, *tasks: dict[str, Any]) -> None:
        host = Host(
            name="far", address=ssh.ADDRESS, connection=Connection.SSH, facts={"python": "python3", "ssh": facts}
        )
        self.given = variables.connection(host) | {"ansible_become": False}  # we are whoever runs the tests
        self.order = order(
            folder, *(tasks or [python("Act", "print('here')")]), known_hosts=facts["known_hosts"], **self.given
        )
        self.progress = Progress([INSTANCE])

    def heard(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            if "end" not in message:
                self.progress.hear(Event(counter=0, **message))

    def play(self) -> "Played":
        began = time.monotonic()
        with Run(self.order, "ssh", 120, time.monotonic()) as run:
            self.messages = heard(run)
        self.seconds = time.monotonic() - began
        self.end = self.messages[-1]
        self.heard(self.messages)
        return self

    @property
    def touched(self) -> bool:
        return self.progress.touched(INSTANCE)

    @property
    def not_admitted(self) -> bool:
        return INSTANCE in self.progress.not_admitted

    @property
    def said(self) -> str:
        return "\n".join(str(each["result"].get("msg", "")) for each in self.messages[:-1])


def test_a_known_server_is_acted_on(server: Server, tmp_path: Path) -> None:
    played = Played(tmp_path, server.facts()).play()

    assert (played.end["end"], played.touched) == ("successful", True), played.said
    assert "known_hosts" not in str(played.given)  # no play needs them


def test_ssh_gets_the_options_that_end_a_hanging_connection(server: Server, tmp_path: Path) -> None:
    played = Played(tmp_path, server.facts(), python("Sleep", "import time; time.sleep(60)"))

    with Run(played.order, "options", 60, time.monotonic()) as run:
        heard(run, lambda _: bool(processes("ssh", "ServerAliveInterval=5", f"Port={server.port}")))
        (line, *_) = processes("ssh", "ServerAliveInterval=5", f"Port={server.port}")
        words = Path(f"/proc/{line}/cmdline").read_text().split("\0")

    folder = run._folder
    for option in (
        *("ServerAliveCountMax=3", "ConnectTimeout=10", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes"),
        f"UserKnownHostsFile={folder}/known_hosts",
    ):
        assert option in words
    assert f'ControlPath="{folder}/ssh/' in " ".join(words)
    assert processes(f"Port={server.port}") == []


@pytest.mark.parametrize("others", [OTHER_KEY, "nothing"])
def test_a_server_with_another_key_than_the_known_one_is_refused(server: Server, tmp_path: Path, others: str) -> None:
    played = Played(tmp_path, server.facts(host_key=others)).play()

    assert played.end["unreachable"], played.said
    assert (played.touched, played.not_admitted) == (False, True), played.said


def test_a_server_that_refuses_our_login_has_not_been_touched(server: Server, tmp_path: Path) -> None:
    played = Played(tmp_path, server.facts(login="other_key")).play()

    assert played.end["unreachable"], played.said
    assert (played.touched, played.not_admitted) == (False, True), played.said


def test_a_closed_port_is_found_out_at_once_and_nothing_has_been_touched(server: Server, tmp_path: Path) -> None:
    played = Played(tmp_path, server.facts(ssh.free_port())).play()

    assert played.end["unreachable"], played.said
    assert (played.touched, played.not_admitted) == (False, False), played.said


def test_a_server_that_accepts_and_hangs_is_given_up_and_has_not_been_touched(server: Server, tmp_path: Path) -> None:
    with socket.create_server((ssh.ADDRESS, ssh.free_port())) as silent:
        played = Played(tmp_path, server.facts(silent.getsockname()[1])).play()

    assert played.end["unreachable"], played.said
    assert (played.touched, played.not_admitted) == (False, False), played.said
    assert played.seconds < 60  # with the ten of ansible.cfg it is about twelve; TCP alone would wait for ever


def test_a_server_that_hangs_in_the_middle_of_a_task_is_given_up_and_may_have_been_touched(
    server: Server, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    script = f"import pathlib, time; pathlib.Path({str(there)!r}).touch(); time.sleep(90)"
    with ssh.line(server.port) as line:
        played = Played(tmp_path / "project", server.facts(line.port), python("Act", script))
        with Run(played.order, "hangs", 120, time.monotonic()) as run:
            before = heard(run, lambda _: there.exists())
            line.freeze()
            began = time.monotonic()
            after = heard(run)
    played.messages = before + after
    played.heard(played.messages)

    assert after[-1]["unreachable"], played.said
    assert (played.touched, played.not_admitted) == (True, False), played.said
    assert time.monotonic() - began < 60  # about twenty; TCP alone would wait for many minutes


def test_a_line_that_breaks_in_the_middle_of_a_task_may_have_touched(server: Server, tmp_path: Path) -> None:
    there = tmp_path / "there"
    script = f"import pathlib, time; pathlib.Path({str(there)!r}).touch(); time.sleep(90)"
    with ssh.line(server.port) as line:
        played = Played(tmp_path / "project", server.facts(line.port), python("Act", script))
        with Run(played.order, "breaks", 120, time.monotonic()) as run:
            before = heard(run, lambda _: there.exists())
            line.thaw()
            played.messages = before + heard(run)
    played.heard(played.messages)

    assert played.messages[-1]["unreachable"], played.said
    assert played.touched, played.said
