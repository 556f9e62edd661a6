"""The API of the catalogue."""

from typing import Any

from flask_smorest import Blueprint

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.catalogue import queries
from provisioner.catalogue.models import App
from provisioner.catalogue.schemas import AppDetailView, AppsView

blp = Blueprint(
    "catalogue_api", __name__, url_prefix="/api/v1/apps", description="The apps on offer and their releases"
)


@blp.route("")
@requires(Right.VIEW)
@blp.response(200, AppsView)
def apps() -> dict[str, Any]:
    """All apps on offer, by slug."""
    return {"items": queries.apps(), "next": None}


@blp.route("/<slug>")
@requires(Right.VIEW)
@blp.etag
@blp.response(200, AppDetailView)
def app(slug: str) -> App:
    """One app with the parameters of its instances; also one that is no longer offered."""
    return queries.by_slug(slug)
