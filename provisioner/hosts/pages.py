"""The page of the servers."""

from flask import Blueprint, render_template

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.hosts import queries

blp = Blueprint("hosts", __name__, url_prefix="/hosts")


@blp.get("")
@requires(Right.VIEW)
def every() -> str:
    return render_template("hosts/list.html", hosts=queries.every())
