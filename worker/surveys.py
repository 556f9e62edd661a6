"""Looking at what hosts really have, and taking away what people decided to. The rules stand in the rooms."""

from collections.abc import Sequence
from typing import Any

import structlog

from provisioner.db import transaction
from provisioner.findings import service
from provisioner.findings.service import Look
from provisioner.workers import queries as workers
from worker.host_runs import carry_out

UNDERSTOOD_NOTHING = "What the host reported is not understood."

log = structlog.get_logger()


def look(worker: str, sites: Sequence[str]) -> None:
    """Look at one of the hosts of these sites that are to be looked at now, if there is any."""
    begun = _begin(worker, sites)
    if begun:
        carry_on(begun)


def _begin(worker: str, sites: Sequence[str]) -> Look | None:
    with transaction() as session:
        look = service.begin(workers.may_begin(worker, sites))
        if look:
            session.flush()
            session.expunge(look.host)  # it is read while no transaction is open
    return look


def carry_on(look: Look) -> None:
    """Take away what is to be, and keep what is seen afterwards."""
    if look.clearing:
        run = carry_out(look.host, "clear", {"clear_things": look.clearing})
        with transaction():
            service.cleared(look, run.report)
    run = carry_out(look.host, "survey", {})
    report = run.report.get("survey")
    if run.succeeded and report is not None:
        _keep(look, report)
    else:
        _fail(look, run.said)


def _keep(look: Look, report: Any) -> None:
    try:
        with transaction():
            found = service.keep(look, report)
    except ValueError:
        _fail(look, UNDERSTOOD_NOTHING)
    else:
        log.info("a host was looked at", host=look.host.name, differences=found)


def _fail(look: Look, said: str) -> None:
    log.warning("a host could not be looked at", host=look.host.name)
    with transaction():
        service.fail(look, said)
