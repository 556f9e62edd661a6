"""Whether a host answers again."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from provisioner.hosts.models import Connection, Host
from worker import probe


def on(port: int, connection: Connection = Connection.SSH) -> Host:
    return Host(name="far", address="127.0.0.1", connection=connection, facts={"ssh": {"port": port}})


@contextmanager
def listener(*said: bytes, hang_up: bool = False) -> Iterator[int]:
    """A server that says these things to the first who comes, and then falls silent or hangs up. Its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            with line:
                for each in said:
                    line.sendall(each)
                while not hang_up and line.recv(1024):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_a_server_with_an_ssh_banner_answers() -> None:
    with listener(b"welcome\r\nSS", b"H-2.0-OpenSSH_9.2\r\n") as port:
        assert probe.answers(on(port))


@pytest.mark.parametrize("said", [b"220 mail.example ESMTP\r\n", b"HTTP/1.1 400 not SSH-2.0\r\n", b""])
def test_a_server_of_another_kind_that_hangs_up_does_not_answer(said: bytes) -> None:
    with listener(said, hang_up=True) as port:
        assert not probe.answers(on(port))


def test_a_server_that_accepts_and_hangs_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "PATIENCE", 0.2)
    with listener() as port:
        assert not probe.answers(on(port))


def test_a_server_that_never_stops_talking_does_not_answer() -> None:
    with listener(b"x" * 2 * probe.MOST, hang_up=True) as port:
        assert not probe.answers(on(port))


def test_a_closed_port_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert not probe.answers(on(port))


def test_this_machine_answers_itself() -> None:
    assert probe.answers(on(1, Connection.LOCAL))
