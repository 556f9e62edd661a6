"""The API of the calendar: freeze windows and what passes them, schedules, and what nights bring."""

from typing import Any
from uuid import UUID

from flask_smorest import Blueprint

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.calendar import preview, queries, service
from provisioner.calendar.lifecycle import night_of
from provisioner.calendar.schemas import (
    FreezeRequest,
    FreezesQuery,
    FreezeView,
    LetThroughView,
    NightQuery,
    NightView,
    PreviewView,
    Reason,
    ScheduleRequest,
    SchedulesView,
)
from provisioner.calendar.service import Arrangement
from provisioner.db import transaction
from provisioner.freezes import service as freezes
from provisioner.freezes.service import Wanted
from provisioner.jobs import freezing
from provisioner.listing import IN_QUERY, DryRunQuery, ListQuery, answered, page_of, taken

blp = Blueprint("calendar_api", __name__, url_prefix="/api/v1", description="Freeze windows, and what nights bring")


@blp.route("/calendar/freezes")
@requires(Right.VIEW)
@blp.arguments(FreezesQuery, **IN_QUERY)
@blp.response(200, page_of(FreezeView))
def every_freeze(given: dict[str, Any]) -> Any:
    """Windows in which nothing changes instances; the one that begins last comes first."""
    which = taken(given)
    return answered(queries.freezes(given.get("state"), which))


@blp.route("/calendar/freezes", methods=["POST"])
@requires(Right.ADMINISTER)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(FreezeRequest)
@blp.response(200, FreezeView)
def plan(how: dict[str, Any], wanted: Wanted) -> Any:
    """Let nothing change instances from one moment to another; what runs when it begins comes to its end."""
    with transaction(**how):
        return queries.freeze(freezes.plan(wanted).id)


@blp.route("/calendar/freezes/<uuid:freeze_id>/end", methods=["POST"])
@requires(Right.ADMINISTER)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(Reason)
@blp.response(200, FreezeView)
def end(how: dict[str, Any], given: dict[str, Any], freeze_id: UUID) -> Any:
    """End a window before its time, or call it off."""
    with transaction(**how):
        freezes.end(freeze_id, given["reason"])
        return queries.freeze(freeze_id)


@blp.route("/jobs/<uuid:job_id>/let-through", methods=["POST"])
@requires(Right.APPROVE)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(Reason)
@blp.response(200, LetThroughView)
def let_through(how: dict[str, Any], given: dict[str, Any], job_id: UUID) -> Any:
    """Let this job begin although a freeze window holds."""
    with transaction(**how):
        freezing.let_through(job_id, given["reason"])
        return {"jobs": 1}


@blp.route("/requests/<uuid:request_id>/let-through", methods=["POST"])
@requires(Right.APPROVE)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(Reason)
@blp.response(200, LetThroughView)
def let_request_through(how: dict[str, Any], given: dict[str, Any], request_id: UUID) -> Any:
    """Let all jobs of this request that still wait begin although a freeze window holds."""
    with transaction(**how):
        return {"jobs": freezing.let_request_through(request_id, given["reason"])}


@blp.route("/calendar/schedules")
@requires(Right.VIEW)
@blp.response(200, SchedulesView)
def schedules() -> dict[str, Any]:
    """What is done again every night."""
    return _schedules()


@blp.route("/calendar/schedules", methods=["POST"])
@requires(Right.ADMINISTER)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(ScheduleRequest)
@blp.response(200, SchedulesView)
def arrange(how: dict[str, Any], wanted: Arrangement) -> dict[str, Any]:
    """Enter a schedule, or change the one of the same action and app."""
    with transaction(**how):
        service.arrange(wanted)
        return _schedules()


@blp.route("/calendar/schedules/<uuid:schedule_id>/remove", methods=["POST"])
@requires(Right.ADMINISTER)
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(Reason)
@blp.response(200, SchedulesView)
def remove(how: dict[str, Any], given: dict[str, Any], schedule_id: UUID) -> dict[str, Any]:
    """Follow a schedule no more; what it did stays on record."""
    with transaction(**how):
        service.remove(schedule_id, given["reason"])
        return _schedules()


def _schedules() -> dict[str, Any]:
    return {"items": queries.schedules(), "next": None}


@blp.route("/calendar/preview")
@requires(Right.VIEW)
@blp.arguments(NightQuery, **IN_QUERY)
@blp.response(200, PreviewView)
def foresee(given: dict[str, Any]) -> Any:
    """What a night will bring, as things stand: whom the schedules ask for and when, and which windows hold."""
    return preview.of(given["night"] or night_of(queries.now()))


@blp.route("/calendar/nights")
@requires(Right.VIEW)
@blp.arguments(ListQuery, **IN_QUERY)
@blp.response(200, page_of(NightView))
def nights(given: dict[str, Any]) -> Any:
    """What came of the nights, the newest first."""
    return answered(queries.nights(taken(given)))
