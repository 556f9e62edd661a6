"""`provisioner calendar`: when nothing may change, and what is done again every night."""

from datetime import datetime
from typing import Any
from uuid import UUID

import click
from marshmallow import ValidationError

from provisioner.administrations import queries as administrations
from provisioner.calendar import preview as previews, queries, service
from provisioner.calendar.lifecycle import EVERY_DAY, Window, night_of
from provisioner.calendar.schemas import CLOCK, FreezeView, MoroccoMoment, NightView, PreviewView, ScheduleView
from provisioner.calendar.service import SWEEPS, Arrangement
from provisioner.catalogue import queries as catalogue
from provisioner.db import transaction
from provisioner.freezes import service as freeze_service
from provisioner.freezes.lifecycle import FreezeState
from provisioner.freezes.service import Wanted
from provisioner.instances.lifecycle import Action
from provisioner.jobs import freezing
from provisioner.output import OneOf, output_option, reason_option, show, show_one
from provisioner.paging import every

FREEZES = {
    "id": "Id",
    "scope": "Scope",
    "app": "App",
    "administration": "Administration",
    "state": "State",
    "begins": "Begins",
    "ends": "Ends",
    "reason": "Reason",
    "waiting": "Jobs stopped",
}
SCHEDULES = {
    "id": "Id",
    "action": "Action",
    "app": "App",
    "opens": "Opens",
    "closes": "Closes",
    "days": "Days",
    "enabled": "Followed",
    "reason": "Reason",
}
SWEEP = {"action": "Action", "app": "App", "instances": "Instances", "first": "First", "last": "Last"}
NIGHTS = {
    "opens_at": "Opened",
    "action": "Action",
    "app": "App",
    "state": "State",
    "asked": "Asked for",
    "refused": "Busy",
    "missed": "Missed",
}


def _moment(_context: click.Context, _option: click.Parameter, given: str | None) -> datetime | None:
    try:
        return None if given is None else MoroccoMoment().deserialize(given)
    except ValidationError:
        raise click.BadParameter("give a moment in Morocco: 2026-01-31T22:00") from None


class Clock(click.ParamType[Any]):
    name = "HH:MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return datetime.strptime(value, CLOCK).time()  # noqa: DTZ007 - a time of the day has no zone
        except ValueError:
            self.fail("give a time of the day, 01:00", param, ctx)


@click.group()
def calendar() -> None:
    """When nothing may change, and what is done again every night."""


@calendar.command("freezes")
@click.option("--state", type=OneOf(FreezeState))
@output_option
def list_freezes(state: FreezeState | None, output: str) -> None:
    """Freeze windows, the one that begins last first."""
    found = every(lambda which: queries.freezes(state, which))
    show(FreezeView(many=True).dump(found), FREEZES, output)


@calendar.command("freeze")
@click.option("--from", "begins", callback=_moment, help="In Morocco: 2026-01-31T22:00. Without it: at once.")
@click.option("--until", "ends", callback=_moment, required=True, help="In Morocco: 2026-02-01T06:00.")
@click.option("--app", help="Only this app.")
@click.option("--administration", help="Only this administration: its id, its label, or a code as scheme:value.")
@reason_option
@output_option
def freeze(begins: Any, ends: Any, app: str | None, administration: str | None, reason: str, output: str) -> None:
    """Let nothing change instances from one moment to another."""
    with transaction():
        app_id = catalogue.by_slug(app).id if app else None
        whose = administrations.referred(administration).id if administration else None
        planned = freeze_service.plan(Wanted(ends, reason, begins, app_id, whose)).id
    show_one(FreezeView().dump(queries.freeze(planned)), output)


@calendar.command("end-freeze")
@click.argument("freeze_id", type=click.UUID)
@reason_option
@output_option
def end_freeze(freeze_id: UUID, reason: str, output: str) -> None:
    """End a window before its time, or call it off."""
    with transaction():
        freeze_service.end(freeze_id, reason)
    show_one(FreezeView().dump(queries.freeze(freeze_id)), output)


@calendar.command("schedules")
@output_option
def list_schedules(output: str) -> None:
    """What is done again every night; times are Morocco's."""
    _show_schedules(output)


@calendar.command("arrange")
@click.argument("action", type=OneOf(SWEEPS))
@click.option("--app", help="Without it: all apps that have no schedule of their own for the action.")
@click.option("--opens", type=Clock(), required=True, help="In Morocco.")
@click.option("--closes", type=Clock(), required=True, help="Past midnight where it is earlier.")
@click.option("--day", "days", type=click.IntRange(1, 7), multiple=True, help="1 is Monday. Without any: every day.")
@click.option("--off", is_flag=True, help="Follow it no more for the time being.")
@reason_option
@output_option
def arrange(
    action: Action, app: str | None, opens: Any, closes: Any, days: tuple[int, ...], reason: str, output: str,
    *, off: bool,
) -> None:  # fmt: skip
    """Enter a schedule for ACTION, or change the one of the same action and app."""
    window = Window(opens, closes, frozenset(days) or EVERY_DAY)
    with transaction():
        app_id = catalogue.by_slug(app).id if app else None
        service.arrange(Arrangement(action, window, reason, app_id, enabled=not off))
    _show_schedules(output)


@calendar.command("remove")
@click.argument("schedule_id", type=click.UUID)
@reason_option
@output_option
def remove(schedule_id: UUID, reason: str, output: str) -> None:
    """Follow a schedule no more; what it did stays on record."""
    with transaction():
        service.remove(schedule_id, reason)
    _show_schedules(output)


def _show_schedules(output: str) -> None:
    show(ScheduleView(many=True).dump(queries.schedules()), SCHEDULES, output)


@calendar.command("preview")
@click.option("--night", type=click.DateTime(["%Y-%m-%d"]), help="The day on whose noon it begins.")
@output_option
def preview(night: datetime | None, output: str) -> None:
    """What a night will bring, as things stand: whom the schedules ask for, and when."""
    foreseen = PreviewView().dump(previews.of(night.date() if night else night_of(queries.now())))
    if output == "json":
        show_one(foreseen, output)
        return
    show(foreseen["sweeps"], SWEEP, output)
    if foreseen["freezes"]:
        show(foreseen["freezes"], FREEZES, output)


@calendar.command("nights")
@output_option
def list_nights(output: str) -> None:
    """What came of the nights, the newest first."""
    show(NightView(many=True).dump(every(queries.nights)), NIGHTS, output)


@click.command("let-through")
@click.argument("job_id", type=click.UUID)
@reason_option
@output_option
def let_job_through(job_id: UUID, reason: str, output: str) -> None:
    """Let a job begin although a freeze window holds."""
    with transaction():
        freezing.let_through(job_id, reason)
    show_one({"jobs": 1}, output)


@click.command("let-through")
@click.argument("request_id", type=click.UUID)
@reason_option
@output_option
def let_request_through(request_id: UUID, reason: str, output: str) -> None:
    """Let all jobs of a request that still wait begin although a freeze window holds."""
    with transaction():
        jobs = freezing.let_request_through(request_id, reason)
    show_one({"jobs": jobs}, output)
