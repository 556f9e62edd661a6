"""Hearing at once that a job has said something.

One connection of a process listens for all who read along in it. Whoever hears nothing looks again after a while: a
connection that is lost makes reading slower, and nothing else.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import structlog

from provisioner.db import db

CHANNEL = "provisioner_said"  # NOTIFY names the job
LOOK = 0.5  # seconds after which a listener sees that nobody reads any more
AGAIN = 1.0  # seconds until a lost connection is made anew

log = structlog.get_logger()


class Listener:
    """Listens for as long as anybody reads along."""

    def __init__(self) -> None:
        self._bells: dict[str, list[threading.Event]] = {}
        self._one_at_a_time = threading.Lock()
        self._listening = False

    @contextmanager
    def bell(self, job_id: object) -> Iterator[threading.Event]:
        """Is set whenever the job has said something."""
        bell = threading.Event()
        with self._one_at_a_time:
            self._bells.setdefault(str(job_id), []).append(bell)
            if not self._listening:
                self._listening = True
                url = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
                threading.Thread(target=self._listen, args=[url], daemon=True).start()
        try:
            yield bell
        finally:
            with self._one_at_a_time:
                self._bells[str(job_id)].remove(bell)
                if not self._bells[str(job_id)]:
                    del self._bells[str(job_id)]

    def _listen(self, url: str) -> None:
        while True:
            try:
                self._pass_on(url)
            except psycopg.OperationalError as error:
                log.warning("nobody tells of news, will try again", error=str(error).splitlines()[0])
                time.sleep(AGAIN)
                if self._wanted():
                    continue
            return

    def _pass_on(self, url: str) -> None:
        with psycopg.connect(url, autocommit=True, connect_timeout=5, keepalives_idle=5) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            while self._wanted():
                for news in connection.notifies(timeout=LOOK, stop_after=1):
                    self._ring(news.payload)

    def _ring(self, job_id: str) -> None:
        with self._one_at_a_time:
            for bell in self._bells.get(job_id, ()):
                bell.set()

    def _wanted(self) -> bool:
        with self._one_at_a_time:
            self._listening = bool(self._bells)
            return self._listening


listener = Listener()
