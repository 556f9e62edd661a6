"""The whole service as a WSGI application: the foundation and the list of doors."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from provisioner.accounts import api as accounts_api, pages as accounts_pages
from provisioner.accounts.doors import init_accounts
from provisioner.administrations import api as administrations_api, pages as administrations_pages
from provisioner.backups import api as backups_api
from provisioner.calendar import api as calendar_api, pages as calendar_pages
from provisioner.catalogue import api as catalogue_api, pages as catalogue_pages
from provisioner.config import Settings, settings as read_settings
from provisioner.estate import api as hosts_api, pages as hosts_pages
from provisioner.findings import api as findings_api, pages as findings_pages
from provisioner.foundation import foundation
from provisioner.handovers import api as handovers_api, pages as handovers_pages
from provisioner.instances import api as instances_api, pages as instances_pages
from provisioner.jobs import api as jobs_api, pages as jobs_pages
from provisioner.log import init_logging
from provisioner.openapi import OPENAPI, Doors
from provisioner.presentation import init_presentation
from provisioner.reports import api as reports_api, pages as reports_pages
from provisioner.requests import api as requests_api, pages as requests_pages
from provisioner.web import init_web
from provisioner.workers import api as workers_api, pages as workers_pages

APIS = (
    accounts_api,
    administrations_api,
    backups_api,
    calendar_api,
    catalogue_api,
    findings_api,
    handovers_api,
    hosts_api,
    instances_api,
    jobs_api,
    requests_api,
    reports_api,
    workers_api,
)
PAGES = (
    accounts_pages,
    administrations_pages,
    calendar_pages,
    catalogue_pages,
    findings_pages,
    handovers_pages,
    hosts_pages,
    instances_pages,
    jobs_pages,
    requests_pages,
    reports_pages,
    workers_pages,
)
LARGEST_UPLOAD = 8 * 1024 * 1024  # bytes


def create_app(settings: Settings | None = None) -> Flask:
    """What gunicorn serves; opens no connection before the first request."""
    settings = settings or read_settings()
    init_logging(settings)
    app = foundation(settings)
    app.config.from_mapping(OPENAPI, MAX_CONTENT_LENGTH=LARGEST_UPLOAD)
    hops = settings.proxies
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    init_web(app)
    init_accounts(app)
    init_presentation(app)
    api = Doors(app)
    for room in APIS:
        api.register_blueprint(room.blp)
    for room in PAGES:
        app.register_blueprint(room.blp)
    return app
