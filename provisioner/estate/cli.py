"""`provisioner hosts`: the servers that instances run on."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TextIO

import click
from marshmallow import Schema, ValidationError

from provisioner.catalogue import queries as catalogue
from provisioner.db import transaction
from provisioner.errors import Invalid
from provisioner.estate import preparing, queries, service
from provisioner.estate.preparing import Wish
from provisioner.estate.schemas import HostChange, HostRequest, HostView, OutlookView, PrepareRequest, ProposalView
from provisioner.hosts import service as registry
from provisioner.hosts.models import HostState
from provisioner.output import output_option, reason_option, show, show_one
from provisioner.web import flatten

COLUMNS = {
    "name": "Name",
    "address": "Address",
    "site": "Site",
    "country": "Country",
    "state": "State",
    "slots": "Slots",
    "parked_at": "Parked",
    "instances": "Instances",
    "memory": "Memory (MB)",
    "disk": "Disk (MB)",
    "labels": "Labels",
    "ports": "Ports",
}
SHARES = {"host": "Host", "instances": "Instances", "refusal": "Why no more"}
MOVES = {"hostname": "Instance", "from": "From", "to": "To", "why": "Why"}
NOT_LIMITED = 0
PAUSE = 0.5
Command = Callable[..., None]


@click.group()
def hosts() -> None:
    """The servers that instances run on."""


@hosts.command("list")
@output_option
def list_hosts(output: str) -> None:
    """All hosts."""
    rows = HostView(many=True).dump([standing.facts for standing in queries.every()])
    show(rows if output == "json" else map(_flat, rows), COLUMNS, output)


@hosts.command("show")
@click.argument("name")
@output_option
def show_host(name: str, output: str) -> None:
    """One host, and how much of it is taken."""
    _show(name, output)


def _show(name: str, output: str) -> None:
    shown = HostView().dump(queries.by_name(name).facts)
    show_one(shown if output == "json" else _flat(shown), output)


def _flat(host: dict[str, Any]) -> dict[str, Any]:
    """What people read of a host."""
    used, ssh = host["used"], host["ssh"]
    words = {
        "instances": used["instances"],
        "memory": f"{used['memory_mb']} of {host['memory_mb'] or '-'}",
        "disk": f"{used['disk_mb']} of {host['disk_mb'] or '-'}",
        "labels": ", ".join(host["labels"]),
        "drain": host["drain"] and _told_of_drain(host["drain"]),
        "ports": f"{host['port_first']}-{host['port_last']}" if host["port_first"] else None,
        "ssh": ssh and f"{ssh['user']}, port {ssh['port']}, {ssh['private_key_file']}",
        "fingerprints": ssh and ", ".join(ssh["fingerprints"]),
    }
    return {**{key: value for key, value in host.items() if key not in {"used", "memory_mb", "disk_mb"}}, **words}


def _told_of_drain(drain: dict[str, Any]) -> str:
    counts = {**{name: drain[name] for name in ("asked", "moved")}, **drain["left"]}
    told = ", ".join(f"{name.replace('_', ' ')} {many}" for name, many in counts.items() if many)
    return " ".join([told or "nothing is there to move", *drain["obstacles"]])


def _told(command: Command) -> Command:
    """The options by which a person tells what is known of a host."""
    for option in reversed(
        [
            click.option("--address", help="A host name or an IP address."),
            click.option("--site", help="The queue of the workers that can reach it."),
            click.option("--country", help="Where it stands: an ISO code of two letters."),
            click.option("--memory", "memory_mb", type=click.IntRange(0), help="MB for its instances; 0: no limit."),
            click.option("--disk", "disk_mb", type=click.IntRange(0), help="MB for its instances; 0: no limit."),
            click.option("--label", "labels", multiple=True, help="What apps may ask of a server; several times."),
            click.option("--slots", type=int, help="On how many of its instances jobs may act at once."),
            click.option("--port", type=int, help="Of its SSH server; 22 if not said."),
            click.option("--user", help="Whom Ansible signs in as."),
            click.option("--private-key-file", help="A path on the workers of the site."),
            click.option("--host-key", type=click.File(), help="Lines as ssh-keyscan prints them; - reads them here."),
        ]
    ):
        command = option(command)
    return command


def _read(schema: type[Schema], host_key: TextIO | None, **given: Any) -> Any:
    """What the options say, read as the API reads it; Invalid."""
    said = {name: value for name, value in given.items() if value not in {None, ()}}
    said |= {name: None for name in ("memory_mb", "disk_mb") if said.get(name) == NOT_LIMITED}
    said |= {name: None for name, value in said.items() if value == ""}
    said |= {"host_key": host_key.read()} if host_key else {}
    try:
        return schema().load(said)
    except ValidationError as refused:
        raise Invalid(errors=flatten(refused.messages)) from None


@hosts.command("add")
@click.argument("name")
@_told
@reason_option
@output_option
def add(output: str, **given: Any) -> None:
    """Enter a server that is reached by SSH: ssh-keyscan HOST | provisioner hosts add NAME --host-key - ..."""
    wanted = _read(HostRequest, **given)
    with transaction():
        registry.add(wanted)
    _show(wanted.name, output)


@hosts.command("set")
@click.argument("name")
@_told
@reason_option
@output_option
def change(name: str, output: str, **given: Any) -> None:
    """Change what is known of a host; what is not given stays as it is. Labels are given all anew."""
    changes = _read(HostChange, **given)
    with transaction():
        service.change(name, changes, changes.pop("reason"))
    _show(name, output)


@hosts.command("prepare")
@click.argument("name")
@click.option("--root", help=f"The folder of the instances; the first time {Wish.root}.")
@click.option("--install", is_flag=True, help="Let the server install what it lacks, from its own sources.")
@click.option("--certificate", help="A path on the server; with it its instances are reached by HTTPS; '': without.")
@click.option("--key", help="The private key of the certificate, a path on the server.")
@click.option("--certificates", help="A folder on the server with certificates of single names.")
@click.option("--acme", help="A folder on the server, the webroot of a client of a certificate authority.")
@click.option("--wait", default=900, show_default=True, help="Seconds to wait for its end.")
@reason_option
@output_option
def prepare(name: str, wait: int, output: str, **given: Any) -> None:
    """Make a server fit for instances: a worker of its site does. Harmless to repeat; what is not given stays."""
    wish = _read(PrepareRequest, None, **given)
    with transaction():
        wished = preparing.ask(name, **wish)
    give_up = time.monotonic() + wait
    while not _prepared(name, wished):
        if time.monotonic() > give_up:
            raise preparing.NotYet(name=name)
        time.sleep(PAUSE)
    _show(name, output)


def _prepared(name: str, wished: datetime) -> bool:
    """Whether what was wished for then has come to its end."""
    with transaction():
        asked = preparing.state(name)
        ended = asked is not None and asked.ended_at is not None and asked.ended_at >= wished
        if asked and ended and asked.failure:
            raise preparing.Failed(name=name, said=asked.failure)
        return ended


def _turning(verb: str, state: HostState, explanation: str) -> None:
    """The command that brings a host into a state."""

    @hosts.command(verb, help=explanation)
    @click.argument("name")
    @reason_option
    @output_option
    def turn(name: str, reason: str, output: str) -> None:
        with transaction():
            service.turn(name, state, reason)
        _show(name, output)


_turning("activate", HostState.ACTIVE, "Let a host take new instances.")
_turning("cordon", HostState.CORDONED, "Let a host take nothing new; what it has goes on.")
_turning(
    "drain",
    HostState.DRAINING,
    "The same, and let what it has move until it is empty.",
)
_turning("retire", HostState.RETIRED, "Take a host without instances out of use; it stays on record.")


@hosts.command("what-if")
@click.argument("app")
@click.option("--count", type=click.IntRange(1, 10_000), default=1, show_default=True)
@output_option
def what_if(app: str, count: int, output: str) -> None:
    """Where so many more instances of APP would go, and what would stop the next one; nothing is changed."""
    foreseen = OutlookView().dump(queries.outlook(catalogue.offered(app), count))
    if output == "json":
        show_one(foreseen, output)
        return
    show(foreseen["hosts"], SHARES, output)
    click.echo(f"{foreseen['placed']} of {count} would find a place.")
    if foreseen["stopped"]:
        click.echo(f"One more would not: {foreseen['stopped']}")


@hosts.command("rebalance")
@output_option
def balance(output: str) -> None:
    """Moves that would even out the use of memory and empty what shall be empty; nothing is changed."""
    show(ProposalView(many=True).dump(queries.balance()), MOVES, output)
