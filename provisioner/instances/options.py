"""How commands say which instances are meant; `schemas.meant` takes what they gathered."""

from collections.abc import Callable

import click

from provisioner.backups.lifecycle import Overdue
from provisioner.instances import queries
from provisioner.instances.lifecycle import Environment, Health
from provisioner.output import OneOf

FILTERS = (
    click.option("--administration", help="Its id, its label, or a code as scheme:value."),
    click.option("--region", help="In this region: its id, its label, or a code as scheme:value."),
    click.option("--state", type=OneOf(queries.STATES), help="Without it: all but the removed ones."),
    click.option("--release", help="The version that is applied."),
    click.option("--environment", type=OneOf(Environment)),
    click.option("--host"),
    click.option("--health", type=OneOf(Health)),
    click.option("--overdue", type=OneOf(Overdue), help="Without it, or a proof of it, for too long."),
    click.option("--text", help="Words of the administration's names, a code, a host name, a short id."),
)


def filter_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(FILTERS):
        command = option(command)
    return command
