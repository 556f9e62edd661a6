"""`provisioner hosts`: the servers that instances run on."""

import click

from provisioner.hosts import queries
from provisioner.output import output_option, show


@click.group()
def hosts() -> None:
    """The servers that instances run on."""


@hosts.command("list")
@output_option
def list_hosts(output: str) -> None:
    """All hosts."""
    rows = [
        {
            "name": host.name,
            "address": host.address,
            "site": host.site,
            "state": host.state,
            "ports": f"{host.port_first}-{host.port_last}",
        }
        for host in queries.every()
    ]
    show(rows, {"name": "Name", "address": "Address", "site": "Site", "state": "State", "ports": "Ports"}, output)
