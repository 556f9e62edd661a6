"""What comes in and goes out about freeze windows and schedules, for the API and forms alike."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, post_load
from marshmallow.validate import Length, OneOf

from provisioner.administrations import queries as administrations
from provisioner.calendar.lifecycle import EVERY_DAY, Window, moments
from provisioner.calendar.service import SWEEPS, Arrangement
from provisioner.catalogue import queries as catalogue
from provisioner.db import Json
from provisioner.freezes.lifecycle import FreezeState, Scope
from provisioner.freezes.service import Wanted
from provisioner.instances.lifecycle import Action
from provisioner.jobs.schemas import REASON
from provisioner.listing import ListQuery

KEPT = {"description": "Kept in the audit."}


CLOCK = "%H:%M"  # of Morocco


class MoroccoMoment(fields.NaiveDateTime):
    """A date and a time as clocks in Morocco show them; where they show it twice, the first."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> datetime:
        try:
            return moments(super()._deserialize(value, attr, data, **more))[0]
        except OverflowError:  # at either end of the calendar
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from None


class Reason(Schema):
    reason = fields.String(required=True, validate=REASON, metadata=KEPT)


class FreezePlan(Schema):
    """Whom a window is for: with neither app nor administration everything."""

    app = fields.String(metadata={"description": "Only for this app."})
    administration = fields.String(
        metadata={"description": "Only for this administration: its id, its label, or a code as scheme:value."}
    )
    reason = fields.String(required=True, validate=REASON, metadata={"description": "Shown with every job that waits."})

    @post_load
    def _wanted(self, given: Json, **_: Any) -> Wanted:
        return Wanted(
            given["ends"],
            given["reason"],
            given.get("begins"),
            catalogue.by_slug(given["app"]).id if "app" in given else None,
            administrations.referred(given["administration"]).id if "administration" in given else None,
        )


class FreezeRequest(FreezePlan):
    begins = fields.AwareDateTime(metadata={"description": "Left out: at once."})
    ends = fields.AwareDateTime(required=True)


class FreezeForm(FreezePlan):
    """For pages and commands, whose moments are Morocco's."""

    begins = MoroccoMoment()
    ends = MoroccoMoment(required=True)


class FreezesQuery(ListQuery):
    state = fields.Enum(FreezeState, by_value=True)


class FreezeView(Schema):
    id = fields.UUID()
    scope = fields.Enum(Scope, by_value=True)
    app = fields.String(allow_none=True)
    administration = fields.String(allow_none=True, metadata={"description": "Its label."})
    administration_id = fields.UUID(allow_none=True)
    begins = fields.AwareDateTime()
    ends = fields.AwareDateTime()
    ended_at = fields.AwareDateTime(allow_none=True, metadata={"description": "When a person ended it early."})
    state = fields.String(metadata={"description": "`coming`, `holding` or `over`."})
    reason = fields.String()
    planner = fields.String(allow_none=True, metadata={"description": "Who planned it."})
    planned_at = fields.AwareDateTime()
    waiting = fields.Integer(metadata={"description": "How many jobs it stops now."})


class ScheduleRequest(Schema):
    """There is one schedule for each action and app, and one for all apps that have none of their own."""

    action = fields.Enum(Action, by_value=True, required=True, validate=OneOf(SWEEPS))
    app = fields.String(metadata={"description": "Left out: all apps that have no schedule of their own for it."})
    opens = fields.Time(format=CLOCK, required=True, metadata={"description": "By the clocks of Morocco: `01:00`."})
    closes = fields.Time(format=CLOCK, required=True, metadata={"description": "Past midnight where it is earlier."})
    days = fields.List(
        fields.Integer(validate=OneOf(sorted(EVERY_DAY))),
        load_default=sorted(EVERY_DAY),
        validate=Length(min=1),
        metadata={"description": "The days on which it opens; 1 is Monday."},
    )
    enabled = fields.Boolean(load_default=True)
    reason = fields.String(
        required=True, validate=REASON, metadata={"description": "Of all requests that are made by it."}
    )

    @post_load
    def _wanted(self, given: Json, **_: Any) -> Arrangement:
        return Arrangement(
            given["action"],
            Window(given["opens"], given["closes"], frozenset(given["days"])),
            given["reason"],
            catalogue.by_slug(given["app"]).id if "app" in given else None,
            given["enabled"],
        )


class ScheduleView(Schema):
    id = fields.UUID()
    action = fields.String()
    app = fields.String(allow_none=True, metadata={"description": "None: all that have no schedule of their own."})
    opens = fields.Time(format=CLOCK)
    closes = fields.Time(format=CLOCK)
    days = fields.List(fields.Integer())
    enabled = fields.Boolean()
    reason = fields.String()
    since = fields.AwareDateTime(metadata={"description": "Since when it is as it is."})


class SchedulesView(Schema):
    """All schedules at once, in the form of a page: an estate has a few dozen."""

    items = fields.List(fields.Nested(ScheduleView))
    next = fields.String(allow_none=True)


class NightQuery(Schema):
    night = fields.Date(
        load_default=None, metadata={"description": "The day on whose noon it begins; left out: this night."}
    )


class HourView(Schema):
    at = fields.AwareDateTime()
    instances = fields.Integer()


class SweepView(Schema):
    action = fields.String()
    app = fields.String()
    opens_at = fields.AwareDateTime()
    closes_at = fields.AwareDateTime()
    instances = fields.Integer()
    first = fields.AwareDateTime(
        metadata={"description": "When the first is asked for, if nothing cuts the night off."}
    )
    last = fields.AwareDateTime()
    hours = fields.List(fields.Nested(HourView))


class LeftOutView(Schema):
    action = fields.String()
    app = fields.String()


class PreviewView(Schema):
    """What the schedules, the freeze windows and the instances, as they are now, make of a night."""

    night = fields.Date()
    begins = fields.AwareDateTime()
    ends = fields.AwareDateTime()
    sweeps = fields.List(fields.Nested(SweepView))
    left_out = fields.List(
        fields.Nested(LeftOutView), metadata={"description": "Apps that do not offer what a schedule asks for."}
    )
    freezes = fields.List(
        fields.Nested(FreezeView),
        metadata={"description": "Windows of that night, at most 50. They stop no sweep, for sweeps change nothing."},
    )


class NightView(Schema):
    schedule_id = fields.UUID()
    opens_on = fields.Date()
    opens_at = fields.AwareDateTime()
    closes_at = fields.AwareDateTime()
    action = fields.String()
    app = fields.String(allow_none=True)
    asked = fields.Integer(metadata={"description": "Instances that got a job."})
    refused = fields.Integer(metadata={"description": "Instances that were busy."})
    missed = fields.Integer(metadata={"description": "Instances for which nobody asked in time."})
    state = fields.String(metadata={"description": "`under_way`, `complete`, or `incomplete`: some were missed."})


class LetThroughView(Schema):
    jobs = fields.Integer(metadata={"description": "How many were let through."})
