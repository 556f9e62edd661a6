"""The pages of the calendar: what holds now, what the night brings, and what came of nights before."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import get_locale, gettext, ngettext
from werkzeug.wrappers import Response

from provisioner.accounts import browser
from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.administrations import queries as administrations
from provisioner.calendar import preview, queries, service
from provisioner.calendar.lifecycle import DAY, EVERY_DAY, night_of
from provisioner.calendar.schemas import FreezeForm, FreezesQuery, NightQuery, Reason, ScheduleRequest
from provisioner.catalogue import queries as catalogue
from provisioner.db import transaction
from provisioner.errors import DomainError, Invalid
from provisioner.freezes import service as freezes
from provisioner.freezes.lifecycle import FreezeState
from provisioner.jobs import freezing
from provisioner.listing import ListQuery, asked, filters, taken
from provisioner.paging import PageRequest
from provisioner.presentation import localised

blp = Blueprint("calendar", __name__)

FEW = PageRequest(size=6)
Given = Mapping[str, Any]


@blp.get("/calendar")
@requires(Right.VIEW)
def every() -> str:
    now = queries.now()
    tonight = night_of(now)
    foreseen = preview.of(asked(NightQuery)["night"] or tonight)
    current = queries.freezes_between(now, now + 366 * DAY)
    return render_template(
        "calendar/every.html",
        foreseen=foreseen,
        hours=sorted({hour.at for sweep in foreseen.sweeps for hour in sweep.hours}),
        tonight=tonight,
        before=foreseen.night - DAY,
        after=foreseen.night + DAY,
        freezes=current,
        schedules=queries.schedules(),
        nights=queries.nights(FEW),
        names=_names([*current, *foreseen.freezes]),
        days=_days,
    )


def _names(rows: Iterable[Any]) -> dict[UUID, dict[str, str]]:
    """The names of the administrations that windows are for."""
    return administrations.names_of({row.administration_id for row in rows if row.administration_id})


def _weekdays() -> dict[int, str]:
    """The days of the week as the reader calls them, by their ISO numbers."""
    words = get_locale().days["format"]["wide"]
    return {number: words[number - 1] for number in sorted(EVERY_DAY)}


def _days(numbers: Iterable[int]) -> str:
    chosen = sorted(numbers)
    words = _weekdays()
    every_day = gettext("every day")
    return every_day if len(chosen) == len(EVERY_DAY) else " · ".join(words[number] for number in chosen)


@blp.get("/calendar/freezes")
@requires(Right.VIEW)
def every_freeze() -> str:
    given = asked(FreezesQuery)
    which = taken(given)
    found = queries.freezes(given.get("state"), which)
    return render_template(
        "calendar/freezes.html", page=found, given=filters(), states=FreezeState, names=_names(found.rows)
    )


@blp.get("/calendar/freezes/new")
@requires(Right.ADMINISTER)
def new_freeze() -> str:
    return _freeze_form()


def _freeze_form(given: Given | None = None, refused: DomainError | None = None) -> str:
    apps = [(app.slug, localised(app.names)) for app in catalogue.apps()]
    return render_template("calendar/new_freeze.html", apps=apps, given=given or {}, **_faults(refused))


def _faults(refused: DomainError | None) -> dict[str, Any]:
    """What a form says of its refusal: at the fields to blame, or at its top where none is."""
    errors = browser.faults(refused) if isinstance(refused, Invalid) else {}
    return {"errors": errors, "refusal": gettext(refused.message, **refused.details) if refused and not errors else ""}


@blp.post("/calendar/freezes")
@requires(Right.ADMINISTER)
def plan() -> Response | tuple[str, int]:
    try:
        with transaction():
            freezes.plan(browser.form(FreezeForm))
    except DomainError as refused:
        return _freeze_form(request.form, refused), refused.status
    flash(gettext("The window is planned."))
    return _back()


@blp.post("/calendar/freezes/<uuid:freeze_id>/end")
@requires(Right.ADMINISTER)
def end(freeze_id: UUID) -> Response:
    given = browser.form(Reason)
    with transaction():
        freezes.end(freeze_id, given["reason"])
    flash(gettext("The window is ended: what it stopped goes on."))
    return _back()


@blp.post("/jobs/<uuid:job_id>/let-through")
@requires(Right.APPROVE)
def let_through(job_id: UUID) -> Response:
    given = browser.form(Reason)
    with transaction():
        freezing.let_through(job_id, given["reason"])
    flash(gettext("The job may begin although a freeze window holds."))
    return redirect(url_for("jobs.one", job_id=job_id), HTTPStatus.SEE_OTHER)


@blp.post("/requests/<uuid:request_id>/let-through")
@requires(Right.APPROVE)
def let_request_through(request_id: UUID) -> Response:
    given = browser.form(Reason)
    with transaction():
        jobs = freezing.let_request_through(request_id, given["reason"])
    told = ngettext("One job may begin now.", "%(num)s jobs may begin now.", jobs)
    flash(told)
    return redirect(url_for("requests.one", request_id=request_id), HTTPStatus.SEE_OTHER)


@blp.get("/calendar/schedules/new")
@requires(Right.ADMINISTER)
def new_schedule() -> str:
    return _schedule_form()


@blp.get("/calendar/schedules/<uuid:schedule_id>")
@requires(Right.ADMINISTER)
def change_schedule(schedule_id: UUID) -> str:
    schedule = queries.schedule(schedule_id)
    clocks = {name: f"{getattr(schedule, name):%H:%M}" for name in ("opens", "closes")}
    known = {"action": schedule.action, "app": schedule.app or "", "enabled": str(schedule.enabled).lower()}
    return _schedule_form({**known, **clocks, "days": schedule.days, "reason": schedule.reason})


def _schedule_form(given: Given | None = None, refused: DomainError | None = None) -> str:
    return render_template(
        "calendar/schedule.html",
        apps=[(app.slug, localised(app.names)) for app in catalogue.apps()],
        actions=service.SWEEPS,
        weekdays=_weekdays(),
        given=given or {"days": list(EVERY_DAY)},
        **_faults(refused),
    )


@blp.post("/calendar/schedules")
@requires(Right.ADMINISTER)
def arrange() -> Response | tuple[str, int]:
    try:
        with transaction():
            service.arrange(browser.form(ScheduleRequest))
    except DomainError as refused:
        days = [int(day) for day in request.form.getlist("days") if day.isdecimal()]
        return _schedule_form({**request.form, "days": days}, refused), refused.status
    flash(gettext("The schedule is arranged. A night that has begun stays as it was planned."))
    return _back()


@blp.post("/calendar/schedules/<uuid:schedule_id>/remove")
@requires(Right.ADMINISTER)
def remove(schedule_id: UUID) -> Response:
    given = browser.form(Reason)
    with transaction():
        service.remove(schedule_id, given["reason"])
    flash(gettext("The schedule is removed. What it did stays on record."))
    return _back()


@blp.get("/calendar/nights")
@requires(Right.VIEW)
def nights() -> str:
    return render_template("calendar/nights.html", page=queries.nights(taken(asked(ListQuery))))


def _back() -> Response:
    return redirect(url_for("calendar.every"), HTTPStatus.SEE_OTHER)


@blp.app_template_global()
def stopped_jobs(request_id: UUID) -> int:
    """For the page of a request, whose room stands below."""
    return queries.stopped(request_id)
