"""`provisioner request`: ask for instances and for actions on them."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from click.exceptions import Exit

from provisioner.administrations import queries as administrations
from provisioner.db import transaction
from provisioner.instances import queries as instances
from provisioner.instances.lifecycle import Action, Environment
from provisioner.jobs import queries as jobs
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.progress import wait
from provisioner.jobs.schemas import JobView
from provisioner.output import OneOf, output_option, reason_option, show_one
from provisioner.requests import service
from provisioner.requests.service import Accepted, NewInstance

NOT_DONE = 3  # the exit code where a job that was waited for did not succeed

release_option = click.option("--release", help="Without it: the newest current one.")


@click.group()
def request() -> None:
    """Ask for instances, and for actions on them."""


def _asking(ask: Callable[..., Accepted]) -> Callable[..., None]:
    """What all these commands have in common: a reason, a job that comes of it, and perhaps the wait for its end."""

    @reason_option
    @click.option(
        "--wait", "waiting", is_flag=True, help=f"Until the job has ended; exit code {NOT_DONE} if it failed."
    )
    @output_option
    @wraps(ask)
    def command(*args: Any, waiting: bool, output: str, **more: Any) -> None:
        with transaction():
            job_id = ask(*args, **more).job.id
        state = wait(job_id) if waiting else None
        show_one(JobView().dump(jobs.detail(job_id)), output)
        if waiting and state is not JobState.SUCCEEDED:
            raise Exit(NOT_DONE)

    return command


def _pairs(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    if bad := [text for text in given if "=" not in text]:
        raise click.BadParameter(f"{bad[0]} is not NAME=VALUE")
    return dict(text.split("=", 1) for text in given)


@request.command("new")
@click.argument("app")
@click.option("--administration", required=True, help="Its id, its label, or a code as scheme:value.")
@click.option("--set", "settings", multiple=True, callback=_pairs, metavar="NAME=VALUE", help="A parameter of the app.")
@click.option("--environment", type=OneOf(Environment), default="production", show_default=True)
@release_option
@_asking
def new(app: str, administration: str, **wanted: Any) -> Accepted:
    """Ask for an app for an administration."""
    return service.ask_for(NewInstance(administrations.referred(administration).id, app, **wanted))


@request.command()
@click.argument("instance")
@release_option
@_asking
def update(instance: str, release: str | None, reason: str) -> Accepted:
    """Bring an instance to a newer release."""
    return service.ask(instances.referred(instance), Action.UPDATE, reason, release)


@request.command()
@click.argument("instance")
@click.option("--background", is_flag=True, help="For sweeps: behind the jobs of people, and stopped for them.")
@_asking
def check(instance: str, reason: str, *, background: bool) -> Accepted:
    """Look at an instance on its host; change nothing."""
    return service.ask(instances.referred(instance), Action.CHECK, reason, background=background)


@request.command()
@click.argument("instance")
@_asking
def provision(instance: str, reason: str) -> Accepted:
    """Try again to provision an instance whose first provisioning did not succeed."""
    return service.ask(instances.referred(instance), Action.PROVISION, reason)
