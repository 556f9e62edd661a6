"""Pages of links by which secrets are handed over: for those who make them, and for the receiver."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from provisioner.accounts import browser
from provisioner.accounts.doors import open_to_all, requires
from provisioner.accounts.policy import Right
from provisioner.accounts.sign_in import TooManyAttempts
from provisioner.db import transaction
from provisioner.errors import Invalid
from provisioner.handovers import queries, service
from provisioner.handovers.links import link
from provisioner.handovers.schemas import HandoverRequest
from provisioner.instances import queries as instances, secrets
from provisioner.listing import ListQuery, asked, taken
from provisioner.paging import PageRequest

blp = Blueprint("handovers", __name__)

# The address of the receiver's page is itself the secret's door: nothing may carry it further.
QUIET = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow", "Cache-Control": "no-store"}


@blp.get("/instances/<uuid:instance_id>/handovers")
@requires(Right.HAND_OVER)
def of_instance(instance_id: UUID) -> str:
    return _list(instance_id, taken(asked(ListQuery)))


def _list(instance_id: UUID, which: PageRequest, **more: Any) -> str:
    return render_template(
        "handovers/of_instance.html",
        instance=instances.detail(instance_id),
        secrets=[(name, name) for name in secrets.names(instance_id)],
        page=queries.of_instance(instance_id, which),
        **{"errors": {}, "given": {}, "link": "", **more},
    )


@blp.post("/instances/<uuid:instance_id>/handovers")
@requires(Right.HAND_OVER)
def create(instance_id: UUID) -> Response:
    """The one page that shows the link: not a redirect, since nothing keeps it for the next request."""
    try:
        wanted = browser.form(HandoverRequest)
    except Invalid as refused:
        page = _list(instance_id, PageRequest(), errors=browser.faults(refused), given=request.form)
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    with transaction():
        _, token = service.create(instance_id, **wanted)
    return make_response(_list(instance_id, PageRequest(), link=link(token)), HTTPStatus.CREATED)


@blp.post("/handovers/<uuid:handover_id>/revoke")
@requires(Right.HAND_OVER)
def revoke(handover_id: UUID) -> Response:
    instance_id = queries.by_id(handover_id).instance_id
    with transaction():
        service.revoke(handover_id)
    flash(gettext("The link works no more."))
    return redirect(url_for("handovers.of_instance", instance_id=instance_id), HTTPStatus.SEE_OTHER)


@blp.get("/handover/<token>")
@open_to_all
def offer(token: str) -> Response:
    """Looks at nothing: programs that preview links, and whoever tries one, learn nothing from it."""
    return make_response(render_template("handovers/offer.html", token=token), QUIET)


@blp.post("/handover/<token>")
@open_to_all
def take(token: str) -> Response:
    try:
        with transaction():
            shown = service.open_once(token, request.remote_addr or "")
    except TooManyAttempts as refused:
        page = render_template("handovers/refused.html", refusal=gettext(refused.message, **refused.details))
        return make_response(page, refused.status, {**QUIET, "Retry-After": str(refused.details["seconds"])})
    if shown is None:
        return make_response(render_template("handovers/refused.html", refusal=""), HTTPStatus.NOT_FOUND, QUIET)
    return make_response(render_template("handovers/shown.html", shown=shown), QUIET)
