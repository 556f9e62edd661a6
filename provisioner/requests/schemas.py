"""What comes in and goes out about requests, for the API and forms alike."""

from typing import Any

from flask_babel import gettext
from marshmallow import Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length, OneOf, Range

from provisioner.db import Json
from provisioner.instances.beginning import Outcome
from provisioner.instances.lifecycle import Action, Environment
from provisioner.instances.schemas import InstancesFilter
from provisioner.jobs.schemas import REASON
from provisioner.listing import ListQuery
from provisioner.requests.idempotency import LONGEST
from provisioner.requests.models import Decision
from provisioner.requests.service import FOR_MANY, MOST

LONGEST_GRACE = 3650  # days


class AskingHeaders(Schema):
    key = fields.String(
        data_key="Idempotency-Key",
        load_default=None,
        metadata={
            "maxLength": LONGEST,
            "description": "Needed with a token: the same call with the same key acts once, and is answered the same.",
        },
    )


class ActRequest(Schema):
    """An action on an instance."""

    reason = fields.String(required=True, validate=REASON, metadata={"description": "Kept in the audit."})


class CheckRequest(ActRequest):
    background = fields.Boolean(
        load_default=False,
        metadata={"description": "For sweeps: it waits behind the jobs of people, and is stopped for them."},
    )


class UpdateRequest(ActRequest):
    release = fields.String(load_default=None, metadata={"description": "Without it: the newest current one."})


class OfBackupRequest(ActRequest):
    backup_id = fields.UUID(load_default=None, metadata={"description": "Without it: the newest in the store."})


class RemoveRequest(ActRequest):
    days = fields.Integer(
        load_default=None,
        validate=Range(0, LONGEST_GRACE),
        metadata={"description": "Grace period in days; without it as the service is set. 0: none."},
    )


class ReconfigureRequest(ActRequest):
    settings = fields.Dict(
        keys=fields.String(),
        load_default=dict,
        metadata={"description": "New values for some of the app's parameters; the others stay as they are."},
    )


class RotateRequest(ActRequest):
    names = fields.List(
        fields.String(),
        load_default=list,
        metadata={"description": "The secrets that get a new value; without it: all that the app has."},
    )


class MoveRequest(ActRequest):
    target = fields.String(
        load_default=None, metadata={"description": "The host that it moves to; without it: the one that suits best."}
    )


class ManyRequest(UpdateRequest):
    """The same action on many instances of an app: those that are named, or all that the filters find."""

    app = fields.String(required=True)
    action = fields.Enum(Action, by_value=True, required=True, validate=OneOf(FOR_MANY))
    instances = fields.List(fields.UUID(), validate=Length(1, MOST))
    where = fields.Nested(InstancesFilter, metadata={"description": "Filters; `{}` finds all instances of the app."})

    @validates_schema
    def _says_which(self, data: Json, **_: Any) -> None:
        if ("instances" in data) == ("where" in data):
            raise ValidationError("Say which instances: either `instances` or `where`.", "instances")


class ActForm(UpdateRequest, RotateRequest, OfBackupRequest, MoveRequest, RemoveRequest):
    """Any action, for pages: which one stands in the form, and not in its address."""

    action = fields.Enum(Action, by_value=True, required=True)


class NewInstanceRequest(UpdateRequest):
    """An app for an administration."""

    administration = fields.String(
        required=True, metadata={"description": "Its id, its label, or a code as scheme:value."}
    )
    app = fields.String(required=True)
    environment = fields.Enum(Environment, by_value=True, load_default=Environment.PRODUCTION)
    settings = fields.Dict(
        keys=fields.String(), load_default=dict, metadata={"description": "Values for the app's parameters, by name."}
    )


class ManyQuery(InstancesFilter):
    """The filters of a list of instances, and what is to be done with all of them; `to` is the release of an update."""

    app = fields.String(required=True)
    action = fields.Enum(Action, by_value=True, load_default=None, validate=OneOf(FOR_MANY))
    to = fields.String(load_default=None)


class ManyForm(ManyQuery, ActRequest):
    action = fields.Enum(Action, by_value=True, required=True, validate=OneOf(FOR_MANY))


class OutcomeView(Schema):
    instance_id = fields.UUID()
    short_id = fields.String()
    hostname = fields.String()
    outcome = fields.Enum(Outcome, by_value=True)
    job_id = fields.UUID(
        allow_none=True, metadata={"description": "The job; of a refused one, the job that holds the instance."}
    )
    code = fields.String(allow_none=True, metadata={"description": "Of the refusal, as in problems."})
    detail = fields.Function(
        lambda row: gettext(row.message, **row.details) if row.message else None,
        metadata={"type": ["string", "null"], "description": "The refusal in the language of the reader."},
    )


class OutcomesQuery(ListQuery):
    outcome = fields.Enum(Outcome, by_value=True, load_default=None)


class CountsView(Schema):
    accepted = fields.Integer(metadata={"description": "For these a job was queued."})
    unchanged = fields.Integer(metadata={"description": "These are already as they would be left."})
    refused = fields.Integer()


class ManyView(Schema):
    """What came of a request for many instances; the rest of the lists is on the pages of its outcomes."""

    request_id = fields.UUID(allow_none=True, metadata={"description": "Empty after a dry run."})
    counts = fields.Nested(CountsView)
    unchanged = fields.List(fields.Nested(OutcomeView), metadata={"description": "The first of them."})
    refused = fields.List(fields.Nested(OutcomeView), metadata={"description": "The first of them."})


class RequestsQuery(ListQuery):
    scheduled = fields.Boolean(metadata={"description": "Only those of schedules, or only those of people."})


class RequestView(Schema):
    id = fields.UUID()
    created_at = fields.AwareDateTime()
    action = fields.String()
    app = fields.String()
    release = fields.String(allow_none=True, metadata={"description": "Empty if they do not all have the same."})
    instances = fields.Integer(metadata={"description": "For how many a job was queued."})
    reason = fields.String()
    requester = fields.String(allow_none=True, metadata={"description": "Empty for the service's own shell."})
    schedule_id = fields.UUID(allow_none=True, metadata={"description": "The schedule that asked, and no person."})
    decision = fields.Enum(Decision, by_value=True)


class RequestDetailView(RequestView):
    outcomes = fields.Nested(CountsView)
    plan = fields.Dict(metadata={"description": "What was asked, as it was decided on."})
    digest = fields.String(
        metadata={"description": "SHA-256 of the plan: the decision holds for this and nothing else."}
    )
    policy = fields.String(metadata={"description": "The rule that decided, or asked for a decision."})
    decider = fields.String(allow_none=True)
    decided_at = fields.AwareDateTime(allow_none=True)


class PlanView(Schema):
    """What a dry run would have done; or that there is nothing to do."""

    plan = fields.Dict()
    digest = fields.String()
    unchanged = fields.Boolean(
        metadata={"description": "True, and nothing else: everything is already as the action would leave it."}
    )
