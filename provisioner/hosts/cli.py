"""`provisioner hosts`: the servers that instances run on."""

import click

from provisioner.db import transaction
from provisioner.hosts import queries, service
from provisioner.hosts.schemas import HostView
from provisioner.output import output_option, reason_option, show, show_one

COLUMNS = {
    "name": "Name",
    "address": "Address",
    "site": "Site",
    "state": "State",
    "slots": "Slots",
    "parked_at": "Parked",
    "ports": "Ports",
}


@click.group()
def hosts() -> None:
    """The servers that instances run on."""


@hosts.command("list")
@output_option
def list_hosts(output: str) -> None:
    """All hosts."""
    rows = [{**HostView().dump(host), "ports": f"{host.port_first}-{host.port_last}"} for host in queries.every()]
    show(rows, COLUMNS, output)


@hosts.command("slots")
@click.argument("name")
@click.argument("slots", type=click.IntRange(1))
@reason_option
@output_option
def set_slots(name: str, slots: int, reason: str, output: str) -> None:
    """Let so many jobs act on a host at once."""
    with transaction():
        service.set_slots(name, slots, reason)
    show_one(HostView().dump(queries.by_name(name)), output)
