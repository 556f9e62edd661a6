"""A real SSH server on a port of its own, and a line to it that can be frozen."""

import getpass
import os
import random
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.running import wait_for

ADDRESS = "127.0.0.1"
PROGRAM = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
PORTS = range(28000, 32000)  # below those from which outgoing connections take theirs


def free_port() -> int:
    """One on which nobody listens now."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind((ADDRESS, port := random.choice(PORTS)))
            return port


def new_key(file: Path) -> str:
    """A new key pair; the public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    return file.with_suffix(".pub").read_text().strip()


CONFIG = """
ListenAddress {address}:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
"""


@dataclass
class Server:
    """sshd as the current user, with throw-away keys. It can be stopped and started again."""

    folder: Path
    port: int

    def prepare(self) -> None:
        self.folder.mkdir()
        self.host_key = " ".join(new_key(self.folder / "host_key").split()[:2])
        (self.folder / "authorized_keys").write_text(new_key(self.folder / "login_key") + "\n")
        new_key(self.folder / "other_key")
        (self.folder / "sshd_config").write_text(CONFIG.format(address=ADDRESS, port=self.port, folder=self.folder))

    def start(self) -> None:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where it locks up its unprivileged half
        command = [str(PROGRAM), "-D", "-f", str(self.folder / "sshd_config"), "-E", str(self.folder / "log")]
        self._process = subprocess.Popen(command)
        wait_for("the SSH server to listen", lambda: listens(self.port), 20)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def facts(self, port: int = 0, login: str = "login_key", host_key: str = "") -> dict[str, object]:
        """What the service knows of it, as a host's facts have it under `ssh`."""
        port = port or self.port
        return {
            "port": port,
            "user": getpass.getuser(),
            "private_key_file": str(self.folder / login),
            "known_hosts": f"[{ADDRESS}]:{port} {host_key or self.host_key}\n",
        }


def listens(port: int, address: str = ADDRESS) -> bool:
    with socket.socket() as line:
        return line.connect_ex((address, port)) == 0


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    if PROGRAM is None:
        pytest.skip("no SSH server is installed")
    made = Server(folder, free_port())
    made.prepare()
    made.start()
    try:
        yield made
    finally:
        made.stop()


class Line:
    """Passes everything on to a server, until it is frozen: then it accepts, and nothing comes through any more."""

    def __init__(self, to: int, port: int) -> None:
        self.port = port
        self._to = to
        self._flows = threading.Event()
        self._flows.set()
        self._listener = socket.create_server((ADDRESS, self.port))
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        self._flows.clear()

    def thaw(self) -> None:
        """What hung in the frozen line is lost; new connections come through."""
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._flows.set()

    def close(self) -> None:
        with suppress(OSError):  # it was closed before
            self._listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake the thread that accepts
        self._listener.close()
        self.thaw()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=[near], daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        self._ends.append(near)
        self._flows.wait()
        with suppress(OSError):
            far = socket.create_connection((ADDRESS, self._to))
            self._ends.append(far)
            threading.Thread(target=self._pass_on, args=[far, near], daemon=True).start()
            self._pass_on(near, far)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while said := source.recv(65536):
                self._flows.wait()
                target.sendall(said)
        for end in (source, target):
            end.close()


@contextmanager
def line(to: int, port: int = 0) -> Iterator[Line]:
    made = Line(to, port or free_port())
    try:
        yield made
    finally:
        made.close()
