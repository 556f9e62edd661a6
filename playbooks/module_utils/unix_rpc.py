"""XML-RPC over a unix socket, as supervisord speaks it."""

from __future__ import annotations

import socket
import xmlrpc.client
from http.client import HTTPConnection
from typing import Any

SECONDS = 30


class UnixConnection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self.path)


class UnixTransport(xmlrpc.client.Transport):
    """One connection, kept open between the calls."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.connection = UnixConnection(path)

    def make_connection(self, _host: Any) -> HTTPConnection:
        return self.connection

    def close(self) -> None:
        self.connection.close()


def connect(path: str) -> xmlrpc.client.ServerProxy:
    return xmlrpc.client.ServerProxy("http://localhost/RPC2", UnixTransport(path))
