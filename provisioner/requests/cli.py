"""`provisioner request`: ask for instances and for actions on them."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

import click
from click.exceptions import Exit

from provisioner.administrations import queries as administrations
from provisioner.db import Json, transaction
from provisioner.instances import queries as instances
from provisioner.instances.beginning import Outcome
from provisioner.instances.lifecycle import Action, Environment
from provisioner.instances.options import filter_options
from provisioner.instances.schemas import meant
from provisioner.jobs import queries as jobs
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.progress import wait
from provisioner.jobs.schemas import JobView
from provisioner.output import OneOf, output_option, reason_option, show_one
from provisioner.paging import every
from provisioner.requests import queries, service
from provisioner.requests.schemas import LONGEST_GRACE, OutcomeView
from provisioner.requests.service import Accepted, NewInstance, Selection

NOT_DONE = 3  # the exit code where a job that was waited for did not succeed

background_option = click.option(
    "--background", is_flag=True, help="For sweeps: behind the jobs of people, and stopped for them."
)
backup_option = click.option("--backup", "backup_id", type=click.UUID, help="Without it: the newest in the store.")
release_option = click.option("--release", help="Without it: the newest current one.")


@click.group()
def request() -> None:
    """Ask for instances, and for actions on them."""


def _asking(ask: Callable[..., Accepted | None]) -> Callable[..., None]:
    """What all these commands have in common: a reason, a job that comes of it, and perhaps the wait for its end."""

    @reason_option
    @click.option(
        "--wait", "waiting", is_flag=True, help=f"Until the job has ended; exit code {NOT_DONE} if it failed."
    )
    @output_option
    @wraps(ask)
    def command(*args: Any, waiting: bool, output: str, **more: Any) -> None:
        with transaction():
            accepted = ask(*args, **more)
            job_id = accepted.job.id if accepted else None
        if job_id is None:
            show_one({"unchanged": True}, output)
            return
        state = wait(job_id) if waiting else None
        show_one(JobView().dump(jobs.detail(job_id)), output)
        if waiting and state is not JobState.SUCCEEDED:
            raise Exit(NOT_DONE)

    return command


def _pairs(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    if bad := [text for text in given if "=" not in text]:
        raise click.BadParameter(f"{bad[0]} is not NAME=VALUE")
    return dict(text.split("=", 1) for text in given)


settings_option = click.option(
    "--set", "settings", multiple=True, callback=_pairs, metavar="NAME=VALUE", help="A parameter of the app."
)


@request.command("new")
@click.argument("app")
@click.option("--administration", required=True, help="Its id, its label, or a code as scheme:value.")
@settings_option
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
def update(instance: str, release: str | None, reason: str) -> Accepted | None:
    """Bring an instance to a newer release."""
    return service.ask(instances.referred(instance), Action.UPDATE, reason, release)


@request.command()
@click.argument("instance")
@settings_option
@_asking
def reconfigure(instance: str, settings: dict[str, str], reason: str) -> Accepted | None:
    """Bring files and configuration to what they should be, perhaps with other settings, on the release it has."""
    return service.ask(instances.referred(instance), Action.RECONFIGURE, reason, settings=settings)


@request.command()
@click.argument("instance")
@click.option("--secret", "names", multiple=True, help="One that gets a new value; without it: all.")
@_asking
def rotate(instance: str, names: tuple[str, ...], reason: str) -> Accepted | None:
    """Give an instance new secrets; if that does not succeed, it keeps those that it has."""
    return service.ask(instances.referred(instance), Action.ROTATE, reason, names=names)


@request.command()
@click.argument("instance")
@background_option
@_asking
def check(instance: str, reason: str, *, background: bool) -> Accepted | None:
    """Look at an instance on its host; change nothing."""
    return service.ask(instances.referred(instance), Action.CHECK, reason, background=background)


@request.command()
@click.argument("instance")
@_asking
def suspend(instance: str, reason: str) -> Accepted | None:
    """Let a notice in three languages take the place of the service."""
    return service.ask(instances.referred(instance), Action.SUSPEND, reason)


@request.command()
@click.argument("instance")
@_asking
def resume(instance: str, reason: str) -> Accepted | None:
    """Let the service take the place of its notice again. This calls off a removal."""
    return service.ask(instances.referred(instance), Action.RESUME, reason)


@request.command("back-up")
@click.argument("instance")
@background_option
@_asking
def back_up(instance: str, reason: str, *, background: bool) -> Accepted | None:
    """Put a backup into the store, encrypted, and read it back from there."""
    return service.ask(instances.referred(instance), Action.BACK_UP, reason, background=background)


@request.command()
@click.argument("instance")
@backup_option
@_asking
def restore(instance: str, backup_id: UUID | None, reason: str) -> Accepted | None:
    """Bring an instance to a backup, its release included; what came into it since is lost."""
    return service.ask(instances.referred(instance), Action.RESTORE, reason, backup_id=backup_id)


@request.command()
@click.argument("instance")
@backup_option
@_asking
def drill(instance: str, backup_id: UUID | None, reason: str) -> Accepted | None:
    """Prove a backup: a copy is restored beside the instance, served, read and erased."""
    return service.ask(instances.referred(instance), Action.DRILL, reason, backup_id=backup_id)


@request.command()
@click.argument("instance")
@click.option("--to", "target", help="The host that it moves to; without it: the one that suits best.")
@_asking
def move(instance: str, target: str | None, reason: str) -> Accepted | None:
    """Bring an instance to another host; if that does not succeed, it goes on where it is."""
    return service.ask(instances.referred(instance), Action.MOVE, reason, target=target)


@request.command()
@click.argument("instance")
@click.option("--days", type=click.IntRange(0, LONGEST_GRACE), help="Grace period; without it as the service is set.")
@_asking
def remove(instance: str, days: int | None, reason: str) -> Accepted | None:
    """Suspend an instance now and erase it when the grace period is over, after a last backup."""
    return service.ask(instances.referred(instance), Action.REMOVE, reason, days=days)


@request.command()
@click.argument("instance")
@_asking
def provision(instance: str, reason: str) -> Accepted | None:
    """Try again to provision an instance whose first provisioning did not succeed."""
    return service.ask(instances.referred(instance), Action.PROVISION, reason)


@request.command()
@click.argument("action", type=OneOf(service.FOR_MANY))
@click.argument("app")
@click.option("--instance", "named", multiple=True, help="One of them: its id, its short id or its host name.")
@click.option("--all", "everything", is_flag=True, help="All instances of the app.")
@filter_options
@click.option("--to", help="The release of an update; without it: the newest current one.")
@click.option("--dry-run", is_flag=True, help="Say what would come of it, and keep nothing.")
@reason_option
@output_option
def many(
    action: Action, app: str, named: tuple[str, ...], to: str | None, reason: str, output: str,
    *, everything: bool, dry_run: bool, **filters: Any,
) -> None:  # fmt: skip
    """Ask for an ACTION on many instances of an APP: named ones, those that the filters find, or all.

    One that is refused does not hinder the others; exit code 3 if any was.
    """
    if sum((bool(named), everything, any(filters.values()))) != 1:
        raise click.UsageError("Say which instances: with --instance, with filters, or with --all.")
    with transaction(dry_run=dry_run):
        ids = [instances.referred(each) for each in named]
        which = Selection(app, ids, None if named else meant(filters))
        request_id = service.ask_many(which, action, reason, to).id
        counts = queries.counts(request_id)
        refused = [*every(lambda page: queries.outcomes(request_id, Outcome.REFUSED, page))]
    facts: Json = {} if dry_run else {"request_id": str(request_id)}
    facts |= {outcome.value: count for outcome, count in counts.items()}
    show_one({**facts, "refusals": _refusals(refused, output)}, output)
    if refused:
        raise Exit(NOT_DONE)


def _refusals(refused: list[Any], output: str) -> Any:
    if output == "json":
        return OutcomeView(many=True).dump(refused)
    return "\n".join(f"{row.short_id}: {row.message % row.details}" for row in refused)
