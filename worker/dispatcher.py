"""What happens without anybody asking: `python -m worker.dispatcher`. It is safe to run any number of them."""

import signal
import threading
import time

import psycopg
import structlog
from sqlalchemy.exc import OperationalError

from provisioner.audit.service import Actor, Via, acting
from provisioner.config import settings
from provisioner.db import db, transaction
from provisioner.embedded.layout import database_url
from provisioner.jobs import recovery
from provisioner.log import init_logging
from provisioner.workers.service import CHANNEL
from worker.doorbell import ring
from worker.main import flask

SWEEP = 5.0  # seconds between rounds when nobody calls

log = structlog.get_logger()


class Ringer(threading.Thread):
    """Rings in a thread of its own: a broker that hangs must not keep lost leases from being noticed."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.wanted = threading.Event()

    def run(self) -> None:
        while True:
            self.wanted.wait()
            self.wanted.clear()
            with flask.app_context():
                try:
                    ring()
                except OperationalError as error:
                    log.warning("the database is away, will ring again", error=str(error).splitlines()[0])
                finally:
                    db.session.remove()


def sweep() -> None:
    """One round of duties."""
    with flask.app_context(), acting(Actor(Via.WORKER)):
        with transaction():
            reaped = recovery.reap()
        if reaped:
            log.warning("leases ran out", jobs=reaped)
        db.session.remove()


def listen(ringer: Ringer) -> None:
    """Sweep at every call, and every SWEEP seconds, for as long as the connection holds."""
    url = database_url(settings()).replace("+psycopg", "", 1)
    with psycopg.connect(
        url,
        autocommit=True,
        application_name="provisioner dispatcher",
        connect_timeout=5,
        keepalives_idle=5,
        keepalives_interval=5,
    ) as connection:
        connection.execute(f"LISTEN {CHANNEL}")
        while True:
            sweep()
            ringer.wanted.set()
            for _ in connection.notifies(timeout=SWEEP, stop_after=1):
                pass


def main() -> None:
    init_logging(settings())
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(SystemExit(0)))
    ringer = Ringer()
    ringer.start()
    while True:
        try:
            listen(ringer)
        except (psycopg.OperationalError, OperationalError) as error:
            log.warning("the database is away, will try again", error=str(error).splitlines()[0])
            time.sleep(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(0) from None
