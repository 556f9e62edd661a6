"""Telling workers that there may be something to do. A doorbell carries nothing and promises nothing."""

import structlog
from kombu.exceptions import OperationalError

from provisioner.jobs import queries as jobs
from worker.main import DOORBELL_EXPIRES, app

MOST_AT_ONCE = 10

log = structlog.get_logger()


def ring() -> None:
    """One bell for each waiting job, within reason: every sweep rings again while anything waits."""
    for site, waiting in jobs.waiting_sites():
        try:
            for _ in range(min(waiting, MOST_AT_ONCE)):
                app.send_task("worker.tasks.work", queue=site, expires=DOORBELL_EXPIRES, retry=False)
        except OperationalError as error:
            log.warning("cannot ring, will try again", site=site, error=str(error))
