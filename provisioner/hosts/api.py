"""The API of hosts."""

from typing import Any

from flask_smorest import Blueprint

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.hosts import queries
from provisioner.hosts.schemas import HostsView

blp = Blueprint("hosts_api", __name__, url_prefix="/api/v1/hosts", description="The servers that instances run on")


@blp.route("")
@requires(Right.VIEW)
@blp.response(200, HostsView)
def hosts() -> dict[str, Any]:
    """All hosts, by name."""
    return {"items": queries.every(), "next": None}
