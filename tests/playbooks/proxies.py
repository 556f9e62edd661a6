"""A real nginx of one's own, and what it passes requests on to."""

import contextlib
import getpass
import http.client
import json
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.running import wait_for

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin") or ""
HERE = "127.0.0.1"


@dataclass
class Answer:
    status: int
    body: str
    headers: dict[str, str]

    @property
    def told(self) -> dict[str, Any]:
        """What the instance that answered was asked."""
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass
class Nginx:
    """A folder of a proxy, ports, and who has nginx read its files again: a command that counts how often."""

    folder: Path
    http_port: int
    https_port: int
    process: subprocess.Popen[bytes] | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def main(self) -> Path:
        return self.folder / "nginx.conf"

    @property
    def reload(self) -> list[str]:
        counted = f"import sys, subprocess; open({str(self.folder / 'reloads')!r}, 'a').write('.'); "
        return [sys.executable, "-SEc", f"{counted}sys.exit(subprocess.call(sys.argv[1:]))", *self.plain_reload]

    @property
    def plain_reload(self) -> list[str]:
        return [NGINX, "-c", str(self.main), "-s", "reload"]

    @property
    def reloads(self) -> int:
        counted = self.folder / "reloads"
        return len(counted.read_text()) if counted.exists() else 0

    @property
    def parameters(self) -> dict[str, Any]:
        """What the module host_proxy is told of it."""
        return {
            "folder": str(self.folder),
            "standalone": True,
            "nginx": NGINX,
            "user": getpass.getuser(),
            "http_port": self.http_port,
            "https_port": self.https_port,
            **({"reload": self.reload} if self.process else {}),
            **self.options,
        }

    @property
    def names(self) -> list[str]:
        return [line.split()[0] for line in (self.folder / "sites.map").read_text().splitlines()[1:]]

    def start(self) -> None:
        self.process = subprocess.Popen(
            [NGINX, "-c", str(self.main), "-g", "daemon off;"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for("nginx", lambda: self._answers() or self.process.poll() is not None)
        assert self.process.poll() is None, (self.folder / "logs/error.log").read_text()

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=20)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("nobody.example").status == 404
        return False

    def get(self, name: str, path: str = "/", method: str = "GET", **headers: str) -> Answer:
        connection = http.client.HTTPConnection(HERE, self.http_port, timeout=20)
        return _ask(connection, method, path, {"Host": name, **headers})

    def get_securely(self, name: str, trusted: Path, path: str = "/") -> Answer:
        """As a browser would that trusts one certificate and names the server first."""
        context = ssl.create_default_context(cafile=str(trusted))
        connection = http.client.HTTPSConnection(name, self.https_port, timeout=20, context=context)
        connection._create_connection = lambda *_, **__: _connect(self.https_port)
        return _ask(connection, "GET", path, {})


def _connect(port: int) -> Any:
    return socket.create_connection((HERE, port), timeout=20)


def _ask(connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str]) -> Answer:
    with contextlib.closing(connection):
        connection.request(method, path, headers={"Connection": "close", **headers})
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode(), {k.lower(): v for k, v in answer.getheaders()})


class _Handler(BaseHTTPRequestHandler):
    """Says who it is and what it was asked; `/status/410` answers so, and whoever wants to upgrade may."""

    def do_GET(self) -> None:
        if self.headers.get("Upgrade"):
            self._upgrade()
            return
        told = {"who": self.server.who, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}
        body = json.dumps(told).encode()
        self.send_response(int(self.path.rpartition("/")[2]) if self.path.startswith("/status/") else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _upgrade(self) -> None:
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n")
        self.wfile.write(self.rfile.readline().upper())
        self.close_connection = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def address_string(self) -> str:
        return "proxy"

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class _Instance(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    request_queue_size, daemon_threads, who = 128, True, ""


@contextmanager
def instance(socket_file: Path, who: str) -> Iterator[str]:
    """An instance that listens on a unix socket; where that is, as a proxy is told."""
    with _Instance(str(socket_file), _Handler) as server:
        server.who = who
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"unix:{socket_file}"
        server.shutdown()
        thread.join()


def certificate(folder: Path, *names: str) -> tuple[str, str]:
    """A certificate that is its own authority, and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{names[0].strip('*.')}.pem", folder / f"{names[0].strip('*.')}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    return str(files[0]), str(files[1])


def certificate_of(folder: Path, name: str) -> Path:
    """One for a single name, laid out as clients of an authority do; the folder of all of them is `certificates`."""
    place = folder / "certificates" / name
    place.mkdir(parents=True, exist_ok=True)
    for made, file in zip(certificate(folder, name), ("fullchain.pem", "privkey.pem"), strict=True):
        Path(made).replace(place / file)
    return place / "fullchain.pem"


def at_once(module: str, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results of that many calls of a module in as many processes."""
    script = Path(__file__).with_name("at_once.py")
    command = [sys.executable, str(script), module]
    done = subprocess.run(command, input=json.dumps(calls), stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results
