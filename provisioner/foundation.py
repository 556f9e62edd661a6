"""The application without its doors: settings, database, tables. What the worker and the command line stand on."""

from importlib.resources import files

from flask import Flask
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

from provisioner.accounts import models as accounts
from provisioner.administrations import models as administrations
from provisioner.audit import models as audit
from provisioner.backups import models as backups
from provisioner.calendar import models as calendar
from provisioner.catalogue import models as catalogue
from provisioner.config import Settings
from provisioner.db import db
from provisioner.embedded.layout import database_url
from provisioner.findings import models as findings
from provisioner.freezes import models as freezes
from provisioner.handovers import models as handovers
from provisioner.hosts import models as hosts
from provisioner.instances import models as instances
from provisioner.jobs import models as jobs
from provisioner.requests import models as requests
from provisioner.workers import models as workers

# Tables refer to each other across rooms, so all are known before the first is used.
TABLES = (
    accounts, administrations, audit, backups, calendar, catalogue, findings, freezes, handovers, hosts, instances,
    jobs, requests, workers,
)  # fmt: skip
# Who vanishes in the middle of a transaction, or falls asleep in it, must not keep its locks: the reaper would pass by.
SESSION = (
    "-c timezone=UTC -c lock_timeout=10s -c statement_timeout=60s -c idle_in_transaction_session_timeout=30s "
    "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
)
ENGINE = {
    "pool_pre_ping": True,
    "pool_recycle": 600,
    "connect_args": {
        "connect_timeout": 5,
        "options": SESSION,
        # A network that swallows everything is noticed within half a minute, here and by the server.
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    },
}


def foundation(settings: Settings) -> Flask:
    """A Flask application that knows its database and opens no connection before it is needed."""
    app = Flask("provisioner", template_folder=str(files("provisioner.templates")))
    app.config.from_mapping(SQLALCHEMY_DATABASE_URI=database_url(settings), SQLALCHEMY_ENGINE_OPTIONS=ENGINE)
    db.init_app(app)
    return app


def _say_that_it_is_away(context: ExceptionContext) -> None:
    """For whatever reason the server ended a connection: to its users, the database is away."""
    if context.is_disconnect and not isinstance(context.sqlalchemy_exception, OperationalError):
        raise OperationalError(context.statement, context.parameters, context.original_exception)


event.listen(Engine, "handle_error", _say_that_it_is_away)
