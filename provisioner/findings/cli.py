"""`provisioner findings`: how what hosts have differs from the register, and what to do about it."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import click
from marshmallow import ValidationError

from provisioner.db import transaction
from provisioner.findings import deciding, queries, service
from provisioner.findings.lifecycle import FindingState, Kind
from provisioner.findings.queries import Filter
from provisioner.findings.schemas import FindingView, SurveyView
from provisioner.listing import Moment
from provisioner.output import OneOf, output_option, reason_option, show, show_one
from provisioner.paging import every

COLUMNS = {
    "id": "Id",
    "host": "Server",
    "kind": "Kind",
    "subject": "Name",
    "detail": "What was seen",
    "state": "State",
    "first_seen": "First seen",
    "last_seen": "Last seen",
}
PAUSE = 0.5


@click.group()
def findings() -> None:
    """How what hosts have differs from the register."""


@findings.command("list")
@click.option("--state", type=OneOf(FindingState), default=FindingState.OPEN.value, show_default=True)
@click.option("--kind", type=OneOf(Kind))
@click.option("--host", help="Only of this host.")
@output_option
def list_findings(state: FindingState, kind: Kind | None, host: str | None, output: str) -> None:
    """Findings, the newest first."""
    _show_all(Filter(FindingState(state), kind, host), output)


def _show_all(wanted: Filter, output: str) -> None:
    show(FindingView(many=True).dump(every(lambda which: queries.find(wanted, which))), COLUMNS, output)


@findings.command()
@click.argument("finding_id", type=click.UUID)
@reason_option
@output_option
def repair(finding_id: UUID, reason: str, output: str) -> None:
    """Queue the job that makes the host what the register says."""
    _decide(finding_id, lambda: deciding.repair(finding_id, reason), output)


@findings.command()
@click.argument("finding_id", type=click.UUID)
@reason_option
@output_option
def adopt(finding_id: UUID, reason: str, output: str) -> None:
    """Let the register say from now on what the host has."""
    _decide(finding_id, lambda: deciding.adopt(finding_id, reason), output)


@findings.command()
@click.argument("finding_id", type=click.UUID)
@reason_option
@output_option
def remove(finding_id: UUID, reason: str, output: str) -> None:
    """Have what no instance owns taken away from the host; a last copy is kept there."""
    _decide(finding_id, lambda: deciding.remove(finding_id, reason), output)


def _until(_context: click.Context, _option: click.Parameter, given: str) -> datetime:
    try:
        until: datetime = Moment().deserialize(given)
    except ValidationError:
        raise click.BadParameter("give a day, 2026-01-31, or a moment, 2026-01-31T12:00+01:00") from None
    return until


@findings.command()
@click.argument("finding_id", type=click.UUID)
@click.option("--until", callback=_until, required=True, help="A moment, or the end of a day.")
@reason_option
@output_option
def ignore(finding_id: UUID, until: datetime, reason: str, output: str) -> None:
    """Let it be until a moment."""
    _decide(finding_id, lambda: deciding.ignore(finding_id, until, reason), output)


def _decide(finding_id: UUID, decide: Callable[[], Any], output: str) -> None:
    with transaction():
        decide()
    show_one(FindingView().dump(queries.by_id(finding_id)), output)


@click.command("survey")
@click.argument("name")
@click.option("--wait", default=120, show_default=True, help="Seconds to wait for its end.")
@output_option
def survey_host(name: str, wait: int, output: str) -> None:
    """Look at what a host really has: a worker of its site does, at once."""
    with transaction():
        wished = service.look_now(name)
    seen = _waited(name, wished, time.monotonic() + wait)
    if output == "json":
        show_one(seen, output)
        return
    show_one({"host": name, "looked at": seen["began_at"], **seen["facts"]}, output)
    _show_all(Filter(host=name), output)


def _waited(name: str, wished: datetime, give_up: float) -> dict[str, Any]:
    """The look that began after it was wished for, once it has ended."""
    while True:
        with transaction():
            seen = queries.survey(name)
        if seen.began_at and seen.ended_at and seen.began_at >= wished and seen.ended_at >= seen.began_at:
            break
        if time.monotonic() > give_up:
            raise service.NotLookedYet(name=name)
        time.sleep(PAUSE)
    if seen.failure:
        raise service.LookFailed(name=name, said=seen.failure)
    told: dict[str, Any] = SurveyView().dump(seen)
    return told
