"""Ringing beside the dispatcher's other duties: a broker that hangs must not keep lost leases from being noticed."""

import threading
from collections.abc import Callable

import structlog
from flask import Flask
from sqlalchemy.exc import OperationalError

log = structlog.get_logger()


class Ringer(threading.Thread):
    """Rings once for all wishes that have come since it rang last."""

    def __init__(self, app: Flask, ring: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.wanted = threading.Event()
        self._app = app
        self._ring = ring

    def run(self) -> None:
        while True:
            self.wanted.wait()
            self.wanted.clear()
            try:
                with self._app.app_context():  # which closes the session at its end: that may fail as well
                    self._ring()
            except OperationalError as error:
                log.warning("the database is away, will ring again", error=str(error).splitlines()[0])
