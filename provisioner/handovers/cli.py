"""`provisioner handovers`: links by which a receiver sees a secret of an instance, once."""

from typing import Any
from uuid import UUID

import click

from provisioner.db import transaction
from provisioner.handovers import queries, service
from provisioner.handovers.links import link
from provisioner.handovers.schemas import HandoverView, NewHandoverView
from provisioner.instances import queries as instances
from provisioner.output import output_option, reason_option, show, show_one
from provisioner.paging import every

COLUMNS = {
    "id": "Id",
    "secret": "Secret",
    "state": "State",
    "reason": "Reason",
    "expires_at": "Expires",
    "opened_at": "Opened",
    "opened_from": "From",
}


@click.group()
def handovers() -> None:
    """Links by which a receiver sees a secret of an instance, once."""


@handovers.command()
@click.argument("instance")
@click.argument("secret")
@reason_option
@output_option
def create(instance: str, secret: str, reason: str, output: str) -> None:
    """A link for a secret, such as the first admin_password; name its receiver in the reason. It is shown this once."""
    with transaction():
        handover_id, token = service.create(instances.referred(instance), secret, reason)
        made = NewHandoverView().dump({**_facts(queries.by_id(handover_id)), "link": link(token)})
    show_one(made if output == "json" else {"link": made["link"], "expires_at": made["expires_at"]}, output)


@handovers.command("list")
@click.argument("instance")
@output_option
def list_handovers(instance: str, output: str) -> None:
    """The links of an instance, the newest first."""
    instance_id = instances.referred(instance)
    found = every(lambda which: queries.of_instance(instance_id, which))
    show(HandoverView(many=True).dump(map(_facts, found)), COLUMNS, output)


@handovers.command()
@click.argument("handover_id", type=click.UUID)
@output_option
def revoke(handover_id: UUID, output: str) -> None:
    """Let a link work no more."""
    with transaction():
        service.revoke(handover_id)
    show_one(HandoverView().dump(_facts(queries.by_id(handover_id))), output)


def _facts(row: Any) -> dict[str, Any]:
    return dict(row._mapping)  # noqa: SLF001 - how a row is read by name
