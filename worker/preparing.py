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
        asked = preparing.begin(workers.may_begin(worker, sites))
        if asked:
            session.flush()
            session.expunge(asked[0])  # it is read while no transaction is open
    if asked:
        host, wish = asked
        run = carry_out(host, "prepare", preparing.told(wish))
        log.info("a server was prepared", host=host.name, succeeded=run.succeeded)
        with transaction():
            preparing.end(host, run.report, run.said, succeeded=run.succeeded)
