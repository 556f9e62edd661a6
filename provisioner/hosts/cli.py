"""`provisioner hosts`: the servers that instances run on."""

import click

from provisioner.config import settings
from provisioner.db import transaction
from provisioner.hosts import local, queries, service
from provisioner.output import output_option, show


@click.group()
def hosts() -> None:
    """The servers that instances run on."""


@hosts.command("register-local")
def register_local() -> None:
    """Enter this machine as a host, or bring what is known of it up to date."""
    with transaction():
        service.register(local.registration(settings()))


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
