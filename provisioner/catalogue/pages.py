"""Pages of the catalogue: what is on offer, and one app in full."""

from flask import Blueprint, render_template

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.catalogue import queries

blp = Blueprint("catalogue", __name__, url_prefix="/apps")


@blp.get("")
@requires(Right.VIEW)
def every() -> str:
    return render_template("catalogue/list.html", apps=queries.apps())


@blp.get("/<slug>")
@requires(Right.VIEW)
def one(slug: str) -> str:
    return render_template("catalogue/one.html", app=queries.by_slug(slug))
