"""A worker says that it is here, from its parent process, for as long as it lives."""

import os
import threading
from collections.abc import Callable
from typing import Any

import structlog
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from sqlalchemy.exc import OperationalError

from provisioner.config import settings
from provisioner.db import transaction
from provisioner.workers import service as workers
from provisioner.workers.service import Presence
from worker import sandbox
from worker.main import NAME, flask
from worker.run import sweep_folders

EVERY = 10.0  # seconds

log = structlog.get_logger()
_leaving, _gone = threading.Event(), threading.Event()


def presence() -> Presence:
    return Presence(NAME, settings().sites.split(","), settings().worker_concurrency, sandbox.active())


@worker_ready.connect
def _arrive(**_: Any) -> None:
    sweep_folders()
    here = presence()
    warn = log.warning if here.sandbox == sandbox.NONE else log.info
    warn("ready", worker=NAME, sites=here.sites, sandbox=here.sandbox, process=os.getpid())
    _said(lambda: workers.arrive(here))
    threading.Thread(target=_stay, args=[here], daemon=True).start()


@worker_shutting_down.connect
def _begin_to_leave(**_: Any) -> None:
    _leaving.set()


@worker_shutdown.connect
def _leave(**_: Any) -> None:
    _gone.set()
    _said(lambda: workers.leave(NAME))


def _stay(here: Presence) -> None:
    while not _leaving.wait(EVERY):
        _said(lambda: workers.stay(here))
    _said(lambda: workers.stay(here, leaving=True))
    while not _gone.wait(EVERY):
        _said(lambda: workers.stay(here, leaving=True))


def _said(say: Callable[[], None]) -> None:
    """Whatever goes wrong, it is said again later: a worker that is not seen is hardly called."""
    try:
        with flask.app_context(), transaction():
            say()
    except OperationalError as error:
        log.warning("the database is away", error=str(error).splitlines()[0])
    except Exception:
        log.exception("cannot say that this worker is here")
