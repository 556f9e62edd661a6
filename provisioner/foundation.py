"""The application without its doors: settings and database. What the worker and the command line stand on."""

from importlib.resources import files

from flask import Flask

from provisioner.config import Settings
from provisioner.db import db
from provisioner.embedded.layout import database_url

ENGINE = {
    "pool_pre_ping": True,
    "pool_recycle": 600,
    "connect_args": {"connect_timeout": 5, "options": "-c timezone=UTC -c lock_timeout=10s -c statement_timeout=60s"},
}


def foundation(settings: Settings) -> Flask:
    """A Flask application that knows its database and opens no connection before it is needed."""
    app = Flask("provisioner", template_folder=str(files("provisioner.templates")))
    app.config.from_mapping(SQLALCHEMY_DATABASE_URI=database_url(settings), SQLALCHEMY_ENGINE_OPTIONS=ENGINE)
    db.init_app(app)
    return app
