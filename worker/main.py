"""The Celery application: `celery -A worker.main worker`.

Celery only carries doorbells here. PostgreSQL keeps the queue (docs/decisions/0001-postgresql-is-the-queue.md), so a
message may be lost, doubled or late without harm, and whatever in Celery promises more than a doorbell is switched off.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from celery import Celery
from celery.signals import setup_logging, worker_process_init
from flask import Flask
from kombu.entity import Queue
from sqlalchemy.exc import OperationalError

from provisioner.audit.service import Actor, Via, acting
from provisioner.config import settings
from provisioner.db import db
from provisioner.embedded.layout import celery_broker_url
from provisioner.foundation import foundation
from provisioner.log import init_logging

DOORBELL_EXPIRES = 60
log = structlog.get_logger()
NAME = settings().worker_name or socket.gethostname()

flask: Flask = foundation(settings())
app = Celery("worker", broker=celery_broker_url(settings()), set_as_current=False)
app.conf.update(
    accept_content=["json"],
    imports=["worker.tasks", "worker.presence"],
    broker_connection_max_retries=None,  # a worker waits for its broker for as long as that is away
    broker_connection_retry_on_startup=True,
    broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 2, "socket_keepalive": True},
    task_acks_late=False,
    task_ignore_result=True,
    task_queues=[Queue(site) for site in settings().sites.split(",")],
    task_default_queue=settings().sites.split(",")[0],
    worker_concurrency=settings().worker_concurrency,
    worker_disable_prefetch=True,
    worker_hijack_root_logger=False,
    worker_prefetch_multiplier=1,
)


@contextmanager
def at_work() -> Iterator[None]:
    """What every task does in: an application, a name for the audit. Where the database is away, another bell rings."""
    with flask.app_context(), acting(Actor(Via.WORKER)):
        try:
            yield
        except OperationalError as error:
            log.warning("the database is away", error=str(error).splitlines()[0])
        finally:
            db.session.remove()


@setup_logging.connect
def _log_as_we_do(**_: Any) -> None:
    init_logging(settings())


@worker_process_init.connect
def _leave_connections_to_the_parent(**_: Any) -> None:
    with flask.app_context():
        db.engine.dispose(close=False)
