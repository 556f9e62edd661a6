"""Following the schedules beside the dispatcher's other duties: thousands are asked for in a night, and nothing of that
must keep lost leases from being noticed. New hosts get their place in the nights as well, drained ones are emptied, and
jobs go to where their hosts are.
"""

import threading
import time
from uuid import UUID

import structlog
from flask import Flask
from sqlalchemy.exc import OperationalError

from provisioner.audit.service import Actor, Via, acting
from provisioner.calendar import queries, service
from provisioner.db import transaction
from provisioner.errors import DomainError
from provisioner.estate import emptying
from provisioner.findings import service as surveys
from provisioner.jobs import service as jobs

EVERY = 20.0  # seconds

log = structlog.get_logger()


class Nights(threading.Thread):
    """Looks again and again for what has come due."""

    def __init__(self, app: Flask) -> None:
        super().__init__(daemon=True)
        self._app = app

    def run(self) -> None:
        while True:
            self.look()
            time.sleep(EVERY)

    def look(self) -> None:
        """One round over the schedules, each in a transaction of its own."""
        try:
            with self._app.app_context(), acting(Actor(Via.WORKER)):  # the session is closed at its end
                with transaction():
                    surveys.plan()
                    jobs.follow_hosts()
                with transaction():
                    followed = [schedule.id for schedule in queries.live()]
                    emptied = emptying.under_way()
                for host_id, slug in emptied:
                    _empty(host_id, slug)
                for schedule_id in followed:
                    _advance(schedule_id)
        except OperationalError as error:
            log.warning("the database is away, will look again", error=str(error).splitlines()[0])


def _empty(host_id: UUID, slug: str) -> None:
    """A refusal keeps only this app's instances there; it is tried again."""
    try:
        with transaction():
            asked = emptying.go_on(host_id, slug)
    except DomainError:
        log.exception("a server cannot be emptied", host=str(host_id), app=slug)
    else:
        if asked:
            log.info("asked to move by a drain", host=str(host_id), app=slug, instances=asked)


def _advance(schedule_id: UUID) -> None:
    """A refusal keeps only this schedule from going on; it is tried again, and what it misses is written down."""
    try:
        with transaction():
            asked = service.advance(schedule_id)
    except DomainError:
        log.exception("a schedule cannot go on", schedule=str(schedule_id))
    else:
        if asked:
            log.info("asked by schedule", schedule=str(schedule_id), instances=asked)
