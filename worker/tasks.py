"""The way of one job through a worker: claim, run, tell, conclude. The rules stand in the rooms."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import structlog
from celery.signals import task_postrun, worker_process_init, worker_process_shutdown
from sqlalchemy.exc import OperationalError

from provisioner.audit.service import Actor, Via, acting
from provisioner.catalogue import folders
from provisioner.config import settings
from provisioner.db import db, transaction
from provisioner.hosts import service as hosts
from provisioner.hosts.models import Host
from provisioner.instances import service as instances, variables
from provisioner.instances.variables import RunOrder
from provisioner.jobs import attempts
from provisioner.jobs.attempts import Claim, Fenced, Outcome
from provisioner.jobs.lifecycle import End
from provisioner.workers.service import wake
from worker.follow import Follower, Lost
from worker.main import NAME, app, flask
from worker.probe import answers
from worker.run import CannotStart, Run, ready, sweep_folders

MARGIN = 1 / 3  # of the lease: so long before its end a run that got no proof of it kills itself
CONCLUDE_FOR = 600  # seconds during which a conclusion is tried again while the database is away

log = structlog.get_logger()


@app.task(name="worker.tasks.work")
def work() -> None:
    """Take one job, if there is one, and see it to its end."""
    with flask.app_context(), acting(Actor(Via.WORKER)):
        sweep_folders()
        try:
            with transaction():
                claim = attempts.claim(NAME, settings().sites.split(","), os.getpid())
            if claim:
                _carry_out(claim)
        except OperationalError as error:
            log.warning("the database is away", error=str(error).splitlines()[0])
        finally:
            db.session.remove()


@worker_process_init.connect
@task_postrun.connect(sender=work)
def _make_ready(**_: Any) -> None:
    """A sandbox for the next run; once a job is concluded, so that it takes no time from one."""
    ready.prepare(str(folders.project()))


@worker_process_shutdown.connect
def _discard(**_: Any) -> None:
    ready.discard()


@app.task(name="worker.tasks.probe")
def probe() -> None:
    """Look whether parked hosts answer again."""
    with flask.app_context(), acting(Actor(Via.WORKER)):
        try:
            for host in _answering(settings().sites.split(",")):
                with transaction():
                    hosts.reopen(host.id)
                    wake()
                log.info("host answers again", host=host.name)
        except OperationalError as error:
            log.warning("the database is away", error=str(error).splitlines()[0])
        finally:
            db.session.remove()


def _answering(sites: list[str]) -> list[Host]:
    """Those that are to be looked at now and answer: asked all at once, for silence takes its time."""
    with transaction() as session:
        parked = hosts.take_probes(sites)
        session.flush()
        session.expunge_all()
    with ThreadPoolExecutor(hosts.PROBES_AT_ONCE) as probes:
        return [host for host, there in zip(parked, probes.map(answers, parked), strict=True) if there]


def _carry_out(claim: Claim) -> None:
    structlog.contextvars.bind_contextvars(job=str(claim.job_id), attempt=claim.attempt)
    log.info("begin", action=claim.action)
    try:
        outcome = _outcome(claim)
        state = _conclude(claim, outcome)
        log.info("end", state=state, events=outcome.events_emitted)
    except (Fenced, Lost):
        log.warning("fenced: the run was killed and nothing more written")
    finally:
        structlog.contextvars.clear_contextvars()


def _outcome(claim: Claim) -> Outcome:
    """What came of the run, also where it could not start or our own code failed: the job must learn of its end."""
    started = False
    try:
        order, asked = _order(claim)
        if order.changed:
            return _broken("the playbooks changed after the request", touched=False)
        started = True
        return _run(claim, order, asked)
    except (Fenced, Lost):
        raise
    except CannotStart as error:
        return _broken(f"The run could not be started: {error}", touched=False)
    except Exception:
        log.exception("the run broke")
        return _broken("the worker failed; its log says why", touched=started)


def _broken(reason: str, *, touched: bool) -> Outcome:
    return Outcome(End.BROKEN, touched=touched, report={"reason": reason}, events_emitted=0)


def _order(claim: Claim) -> tuple[RunOrder, float]:
    """What the run needs; and the proof, after however long a pause, that the claim is still ours, and since when.

    While the database is away it is asked again, for as long as the lease may last.
    """
    give_up = time.monotonic() + _patience()
    while True:
        asked = time.monotonic()
        try:
            with transaction():
                order = variables.order(claim)
                attempts.heartbeat(claim)
        except OperationalError:
            if asked > give_up:
                raise Lost from None
            time.sleep(1)
        else:
            return order, asked


def _patience() -> float:
    return settings().lease * (1 - MARGIN)


def _run(claim: Claim, order: RunOrder, proven: float) -> Outcome:
    patience = _patience()
    with Run(order, f"{claim.job_id}-{claim.attempt}", patience, proven) as run:
        return Follower(claim, run, order, patience, proven).follow()


def _conclude(claim: Claim, outcome: Outcome) -> str:
    """Write the end, again and again while the database is away: a commit may succeed although its answer is lost."""
    give_up = time.monotonic() + CONCLUDE_FOR
    for attempt in count(1):
        try:
            with transaction():
                return instances.conclude(claim, outcome)
        except OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(min(attempt, 5))
        except Fenced:
            if attempt == 1:
                raise
            return "concluded before"
    raise AssertionError
