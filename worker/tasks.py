"""The way of jobs through a worker: claim, run, tell, conclude. The rules stand in the rooms."""

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import Any

import structlog
from celery.signals import task_postrun, worker_process_init, worker_process_shutdown
from sqlalchemy.exc import OperationalError

from provisioner.catalogue import folders
from provisioner.config import settings
from provisioner.db import transaction
from provisioner.hosts import service as hosts
from provisioner.hosts.models import Host
from provisioner.instances import service as instances, variables
from provisioner.instances.variables import RunOrder
from provisioner.jobs import attempts, claiming
from provisioner.jobs.attempts import Claim, Fenced, Outcome
from provisioner.jobs.claiming import Batch
from provisioner.jobs.lifecycle import End
from provisioner.workers.service import wake
from worker import preparing, surveys
from worker.follow import Follower, Lost
from worker.main import NAME, app, at_work
from worker.probe import answers
from worker.run import CannotStart, Run, ready, sweep_folders

MARGIN = 1 / 3  # of the lease: so long before its end a run that got no proof of it kills itself
CONCLUDE_FOR = 600  # seconds during which a conclusion is tried again while the database is away

UNCHANGED = Outcome(End.SUCCEEDED, touched=False, report={"unchanged": True}, events_emitted=0)

log = structlog.get_logger()


@app.task(name="worker.tasks.work")
def work() -> None:
    """Take what one run can carry out, if there is anything, and see it to its end."""
    with at_work():
        sweep_folders()
        with transaction():
            batch = claiming.claim(NAME, settings().sites.split(","), os.getpid())
        if batch:
            _carry_out(batch)


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
    with at_work():
        for host in _answering(settings().sites.split(",")):
            with transaction():
                hosts.reopen(host.id)
                wake()
            log.info("host answers again", host=host.name)


@app.task(name="worker.tasks.survey")
def survey() -> None:
    """Look at what a host really has, if one is to be looked at."""
    with at_work():
        surveys.look(NAME, settings().sites.split(","))


@app.task(name="worker.tasks.prepare")
def prepare() -> None:
    """Make a server fit for instances, if one is to be."""
    with at_work():
        preparing.prepare(NAME, settings().sites.split(","))


task_postrun.connect(_make_ready, sender=survey)


def _answering(sites: list[str]) -> list[Host]:
    """Those that are to be looked at now and answer: asked all at once, for silence takes its time."""
    with transaction() as session:
        parked = hosts.take_probes(sites)
        session.flush()
        session.expunge_all()
    with ThreadPoolExecutor(hosts.PROBES_AT_ONCE) as probes:
        return [host for host, there in zip(parked, probes.map(answers, parked), strict=True) if there]


def _carry_out(batch: Batch) -> None:
    names = [f"{claim.job_id}:{claim.attempt}" for claim in batch.claims]
    with structlog.contextvars.bound_contextvars(jobs=names if len(names) > 1 else names[0]):
        log.info("begin", action=batch.claims[0].action)
        try:
            for outcomes in _outcomes(batch):
                log.info("end", states=Counter(_conclude(outcomes)))
        except (Fenced, Lost):
            log.warning("fenced: the run was killed and nothing more written")


def _outcomes(batch: Batch) -> Iterator[Mapping[Claim, Outcome]]:
    """What came of the jobs, also where the run could not start or our own code failed: all must learn of their end."""
    left = dict.fromkeys(batch.claims)
    started = False
    try:
        order, asked = _order(batch)
        started = True
        for outcomes in _course(batch, order, asked):
            yield outcomes
            for claim in outcomes:
                left.pop(claim)
    except (Fenced, Lost):
        raise
    except CannotStart as error:
        yield _broken(left, f"The run could not be started: {error}", touched=False)
    except Exception:
        log.exception("the run broke")
        yield _broken(left, "the worker failed; its log says why", touched=started)


def _course(batch: Batch, order: RunOrder, asked: float) -> Iterator[Mapping[Claim, Outcome]]:
    if order.changed:
        yield _broken(batch.claims, "the playbooks changed after the request", touched=False)
        return
    if order.unchanged:
        yield dict.fromkeys(order.unchanged, UNCHANGED)
    rest = tuple(claim for claim in batch.claims if claim not in order.unchanged)
    if rest:
        yield from _run(replace(batch, claims=rest), order, asked)


def _broken(claims: Iterable[Claim], reason: str, *, touched: bool) -> dict[Claim, Outcome]:
    return {
        claim: Outcome(End.BROKEN, touched=touched, report={"reason": reason}, events_emitted=0) for claim in claims
    }


def _order(batch: Batch) -> tuple[RunOrder, float]:
    """What the run needs; and the proof, after however long a pause, that the claims are still ours, and since when.

    While the database is away it is asked again, for as long as the lease may last.
    """
    give_up = time.monotonic() + _patience()
    while True:
        asked = time.monotonic()
        try:
            with transaction():
                order = variables.order(batch)
                attempts.heartbeat(batch.claims)
        except OperationalError:
            if asked > give_up:
                raise Lost from None
            time.sleep(1)
        else:
            return order, asked


def _patience() -> float:
    return settings().lease * (1 - MARGIN)


def _run(batch: Batch, order: RunOrder, proven: float) -> Iterator[Mapping[Claim, Outcome]]:
    patience = _patience()
    first = batch.claims[0]
    with Run(order, f"{first.job_id}-{first.attempt}", patience, proven) as run:
        yield from Follower(batch, run, order, patience, proven).follow()


def _conclude(outcomes: Mapping[Claim, Outcome]) -> list[str]:
    """Write the ends, again and again while the database is away: a commit may succeed although its answer is lost."""
    give_up = time.monotonic() + CONCLUDE_FOR
    for attempt in count(1):
        try:
            with transaction():
                return list(instances.conclude(outcomes).values())
        except OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(min(attempt, 5))
        except Fenced:
            if attempt == 1:
                raise
            return ["concluded before"]
    raise AssertionError
