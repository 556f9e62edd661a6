"""What happens without anybody asking: `python -m worker.dispatcher`. It is safe to run any number of them."""

import signal
import time

import psycopg
import structlog
from sqlalchemy.exc import OperationalError

from provisioner.audit.service import Actor, Via, acting
from provisioner.config import settings
from provisioner.db import transaction
from provisioner.embedded.layout import database_url
from provisioner.errors import DomainError
from provisioner.instances import queries as instances
from provisioner.jobs import recovery
from provisioner.log import init_logging
from provisioner.requests import service as requests
from provisioner.workers.service import CHANNEL
from worker.doorbell import ring
from worker.main import flask
from worker.nights import Nights
from worker.ringer import Ringer

SWEEP = 5.0  # seconds between rounds when nobody calls

log = structlog.get_logger()


def sweep() -> None:
    """One round of duties."""
    with flask.app_context(), acting(Actor(Via.WORKER)):
        with transaction():
            reaped = recovery.reap()
        if reaped:
            log.warning("leases ran out", jobs=reaped)
        with transaction():
            apps = instances.apps_to_remove()
        for app in apps:
            _remove_due(app)


def _remove_due(app: str) -> None:
    """A refusal keeps only the instances of this app; it is tried again."""
    try:
        with transaction():
            removed = requests.remove_due(app)
    except DomainError:
        log.exception("instances that are due cannot be removed", app=app)
    else:
        log.info("grace periods are over", app=app, instances=removed)


def listen(ringer: Ringer, nights: Nights) -> None:
    """Sweep at every call, and every SWEEP seconds, for as long as the connection holds and the others are at work."""
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
        while ringer.is_alive() and nights.is_alive():
            sweep()
            ringer.wanted.set()
            for _ in connection.notifies(timeout=SWEEP, stop_after=1):
                pass


def _leave(*_: object) -> None:
    raise SystemExit(0)


def main() -> None:
    init_logging(settings())
    signal.signal(signal.SIGTERM, _leave)
    ringer, nights = Ringer(flask, ring), Nights(flask)
    ringer.start()
    nights.start()
    while ringer.is_alive() and nights.is_alive():
        try:
            listen(ringer, nights)
        except (psycopg.OperationalError, OperationalError) as error:
            log.warning("the database is away, will try again", error=str(error).splitlines()[0])
            time.sleep(1)
    raise SystemExit("Nobody rings or follows the schedules any more: the dispatcher has to be started again.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(0) from None
