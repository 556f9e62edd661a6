"""`provisioner demo`: the whole service with a register of 2,020 administrations and real applications."""

import sys

import click
from rich.console import Console

from provisioner.audit.service import Actor, Via, acting
from provisioner.config import settings
from provisioner.demo import tour
from provisioner.embedded.up import run_up
from provisioner.foundation import foundation


@click.group(invoke_without_command=True)
@click.pass_context
def demo(context: click.Context) -> None:
    """Run the whole service with demo data, provision real applications, and stay up until Ctrl-C.

    Everything is kept in the state folder (./var), so that the next start comes back with the same inventory.
    """
    if context.invoked_subcommand is None:
        run_up(settings(), after_ready=[sys.executable, "-m", "provisioner", "demo", "tour"])


@demo.command("tour", hidden=True)
def take_tour() -> None:
    """What `provisioner demo` does once the servers answer."""
    with foundation(settings()).app_context(), acting(Actor(Via.CLI, on_behalf_of="demo")):
        tour.take(Console())
