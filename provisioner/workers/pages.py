"""The page of the workers, where they are drained, too."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from provisioner.accounts import browser
from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.db import transaction
from provisioner.workers import queries, service
from provisioner.workers.lifecycle import DrainScope
from provisioner.workers.schemas import DrainForm, DrainRequest

blp = Blueprint("workers", __name__, url_prefix="/workers")


@blp.get("")
@requires(Right.VIEW)
def every() -> str:
    workers = queries.every()
    return render_template("workers/list.html", workers=workers, drains=queries.drains(), places=_places(workers))


def _places(workers: Any) -> list[tuple[str, str]]:
    """What can be drained, as the values and texts of a choice."""
    sites = sorted({site for worker in workers for site in worker.sites})
    return [
        (DrainScope.SERVICE.value, gettext("The whole service")),
        *((f"{DrainScope.SITE}:{site}", gettext("Site %(name)s", name=site)) for site in sites),
        *((f"{DrainScope.WORKER}:{worker.name}", gettext("Worker %(name)s", name=worker.name)) for worker in workers),
    ]


@blp.post("/drain")
@requires(Right.ADMINISTER)
def drain() -> Response:
    wanted = browser.form(DrainForm)
    scope, _, name = wanted["place"].partition(":")
    with transaction():
        service.drain(DrainScope(scope), name, wanted["reason"])
    return _back()


@blp.post("/end-drain")
@requires(Right.ADMINISTER)
def end_drain() -> Response:
    wanted = browser.form(DrainRequest)
    with transaction():
        service.end_drain(**wanted)
    return _back()


def _back() -> Response:
    return redirect(url_for("workers.every"), HTTPStatus.SEE_OTHER)
