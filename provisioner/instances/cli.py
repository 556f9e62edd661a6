"""`provisioner instances`: which apps run where. `provisioner secrets`: the keys that their secrets are kept under. And
`provisioner jobs resolve`: the decision moves the instance.
"""

from datetime import datetime
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import click

from provisioner.db import transaction
from provisioner.instances import queries, secrets as instance_secrets, service
from provisioner.instances.options import filter_options
from provisioner.instances.schemas import InstanceDetailView, InstanceView, meant
from provisioner.jobs import queries as jobs
from provisioner.jobs.lifecycle import Resolution
from provisioner.jobs.schemas import JobView
from provisioner.output import OneOf, as_of_option, output_option, reason_option, show, show_one
from provisioner.paging import every
from provisioner.secrets import keys

LANGUAGE = "en"  # the order of the list; names are shown by their label
COLUMNS = {
    "short_id": "Id",
    "administration": "Administration",
    "app": "App",
    "environment": "Environment",
    "state": "State",
    "job_action": "Doing",
    "applied": "Version",
    "health": "Health",
    "address": "Address",
}


@click.group()
def instances() -> None:
    """The apps that administrations run."""


@instances.command("list")
@click.option("--app")
@filter_options
@as_of_option
@output_option
def list_instances(as_of: datetime | None, output: str, **filters: Any) -> None:
    """Instances by administration, then by app."""
    wanted = meant(filters)
    found = every(lambda which: queries.find(wanted, which, LANGUAGE, as_of))
    show(InstanceView(many=True).dump(found) if output == "json" else map(_flat, found), COLUMNS, output)


def _flat(row: Any) -> dict[str, Any]:
    return dict(row._mapping)  # noqa: SLF001 - how a row is read by name


@instances.command("names")
@click.option("--ttl", type=click.IntRange(1, 604_800), default=300, show_default=True, help="Seconds, for resolvers.")
def names(ttl: int) -> None:
    """The DNS records by which instances are found on servers of their own, as lines of a zone file."""
    for each in queries.names():
        click.echo(f"{each.hostname}. {ttl} IN {_record(each.host)}")


def _record(address: str) -> str:
    """What leads to a server that is known by a number or by a name."""
    try:
        return f"{'A' if ip_address(address).version == 4 else 'AAAA'} {address}"  # noqa: PLR2004 - the version of IP
    except ValueError:
        return f"CNAME {address}."


@instances.command("show")
@click.argument("instance")
@as_of_option
@output_option
def show_instance(instance: str, as_of: datetime | None, output: str) -> None:
    """One instance, by its id, its short id or its host name."""
    found = queries.detail(queries.referred(instance), as_of)
    show_one(InstanceDetailView().dump(found) if output == "json" else _facts(found), output)


@instances.command("secret")
@click.argument("instance")
@click.argument("name")
@reason_option
@output_option
def show_secret(instance: str, name: str, reason: str, output: str) -> None:
    """A secret of an instance, such as its first admin_password; the audit keeps that you have seen it, and why."""
    with transaction():
        value = instance_secrets.reveal(queries.by_id(queries.referred(instance)), name, reason)
    show_one({"name": name, "value": value}, output)


@click.group()
def secrets() -> None:
    """The keys that all secrets are kept under."""


@secrets.command("keys")
@output_option
def show_keys(output: str) -> None:
    """The keys, the current one first, and how many secrets each wraps. One that wraps none may be destroyed."""
    wrapped = instance_secrets.keys_in_use()
    known = [key.id for key in keys.known()]
    rows = [
        {"key": key, "secrets": wrapped.get(key, 0), "here": key in known} for key in dict.fromkeys([*known, *wrapped])
    ]
    show(rows, {"key": "Key", "secrets": "Secrets", "here": "Here"}, output)


@secrets.command("rotate-keys")
@reason_option
@output_option
def rotate_keys(reason: str, output: str) -> None:
    """Make a new key and wrap all secrets with it. If that was broken off, the next call brings it to its end instead.

    The secrets themselves stay as they are, and so do the instances.
    """
    with transaction():
        made = instance_secrets.new_key(reason) if instance_secrets.all_rewrapped() else None
    total = 0
    while wrapped := _rewrap(reason):
        total += wrapped
    show_one({"key": keys.current().id, "made": made is not None, "secrets": total}, output)


def _rewrap(reason: str) -> int:
    with transaction():
        return instance_secrets.rewrap(reason)


def _facts(found: Any) -> dict[str, Any]:
    hidden = {"administration_id", "administration_names", "app_names", "version"}
    return {name: value for name, value in _flat(found).items() if name not in hidden}


@click.command()
@click.argument("job_id", type=click.UUID)
@reason_option
@output_option
def cancel(job_id: UUID, reason: str, output: str) -> None:
    """Cancel a queued job at once; ask the worker of a running one to kill everything that it started."""
    with transaction():
        service.cancel(job_id, reason)
    show_one(JobView().dump(jobs.detail(job_id)), output)


@click.command()
@click.argument("job_id", type=click.UUID)
@click.argument("resolution", type=OneOf(Resolution))
@reason_option
@output_option
def resolve(job_id: UUID, resolution: Resolution, reason: str, output: str) -> None:
    """Say how a job that needs attention ended, or that it shall run again (retry)."""
    with transaction():
        service.resolve(job_id, resolution, reason)
    show_one(JobView().dump(jobs.detail(job_id)), output)
