"""Making servers fit for instances, as people ask for it. The rules stand in the room."""

from collections.abc import Sequence

import structlog

from provisioner.db import transaction
from provisioner.estate import preparing
from provisioner.workers import queries as workers
from worker.host_runs import carry_out

log = structlog.get_logger()


def prepare(worker: str, sites: Sequence[str]) -> None:
    """Prepare one of the servers of these sites that are to be prepared now, if there is any."""
    with transaction() as session:
        attempt = preparing.begin(workers.may_begin(worker, sites))
        if attempt:
            session.flush()
            session.expunge(attempt.host)  # it is read while no transaction is open
    if attempt:
        run = carry_out(attempt.host, "prepare", preparing.told(attempt.wish))
        log.info("a server was prepared", host=attempt.host.name, succeeded=run.succeeded)
        with transaction():
            preparing.end(attempt, run.report, run.said, succeeded=run.succeeded)
