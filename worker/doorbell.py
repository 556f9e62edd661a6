"""Telling workers that there may be something to do. A doorbell carries nothing and promises nothing."""

from collections.abc import Iterator

import structlog
from kombu.exceptions import OperationalError

from provisioner.db import transaction
from provisioner.estate import preparing
from provisioner.findings import queries as findings
from provisioner.hosts import queries as hosts
from provisioner.jobs import queries as jobs
from provisioner.workers import queries as workers
from worker.main import DOORBELL_EXPIRES, app

MOST_AT_ONCE = 10

log = structlog.get_logger()


def ring() -> None:
    """One bell for each waiting job, within reason: every sweep rings again while anything waits."""
    with transaction():  # over before the broker is asked, which may take its time
        due = list(_due())
    for site, task in due:
        try:
            app.send_task(f"worker.tasks.{task}", queue=site, expires=DOORBELL_EXPIRES, retry=False)
        except OperationalError as error:
            log.warning("cannot ring, will try again", site=site, error=str(error))
            return


def _due() -> Iterator[tuple[str, str]]:
    for site in hosts.to_probe():
        yield site, "probe"
    for site in preparing.sites_due():
        yield site, "prepare"
    for site in findings.due_sites():
        yield site, "survey"
    for site, waiting in jobs.waiting_sites():
        # Where nobody is seen to listen, bells would only pile up; one, for what is seen may be old.
        yield from [(site, "work")] * (min(waiting, MOST_AT_ONCE) if workers.serves(site) else 1)
