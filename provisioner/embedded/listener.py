"""The port of the web pages: taken before anything starts, and kept open while the web process is replaced."""

import errno
import socket
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

from provisioner.config import Settings
from provisioner.embedded.layout import Layout
from provisioner.embedded.processes.service import CannotStart

PORTS = range(8000, 8100)


def open_listener(settings: Settings, layout: Layout) -> socket.socket:
    """On the port that is set, or else the one of the last time, or else the first free one."""
    if settings.port:
        return _listen(settings.bind, settings.port)
    for port in _wishes(layout):
        try:
            return _listen(settings.bind, port)
        except CannotStart as fault:
            if fault.details["errno"] != errno.EADDRINUSE:
                raise
    raise CannotStart(
        "No port between %(first)s and %(last)s is free: set PROVISIONER_PORT.", first=PORTS[0], last=PORTS[-1]
    )


def address(settings: Settings, port: int) -> str:
    """How people reach the pages."""
    host = f"[{settings.bind}]" if ":" in settings.bind else settings.bind
    return settings.public_url or f"http://{host}:{port}"


def web_answers(bind: str, port: int) -> bool:
    connection = HTTPConnection({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind), port, timeout=5)  # noqa: S104 - translated, not bound
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _wishes(layout: Layout) -> Iterator[int]:
    if (last := layout.web_port()) is not None:
        yield last
    yield from PORTS


def _listen(bind: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    try:
        return socket.create_server((bind, port), family=family)
    except OSError as fault:
        raise CannotStart(
            "The port %(port)s of %(bind)s cannot be used (%(reason)s): "
            "stop what uses it, or set PROVISIONER_PORT to another.",
            port=port,
            bind=bind,
            reason=str(fault.strerror).partition(" (")[0],  # the rest repeats the address
            errno=fault.errno,
        ) from None
