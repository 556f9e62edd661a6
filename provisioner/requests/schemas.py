"""What comes in and goes out about requests, for the API and forms alike."""

from marshmallow import Schema, fields

from provisioner.instances.lifecycle import Action, Environment
from provisioner.jobs.schemas import REASON
from provisioner.requests.idempotency import LONGEST
from provisioner.requests.models import Decision


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


class ActForm(UpdateRequest):
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


class RequestView(Schema):
    id = fields.UUID()
    created_at = fields.AwareDateTime()
    action = fields.String()
    app = fields.String()
    release = fields.String()
    instances = fields.Integer(metadata={"description": "How many it is about."})
    reason = fields.String()
    requester = fields.String(allow_none=True, metadata={"description": "Empty for the service's own shell."})
    decision = fields.Enum(Decision, by_value=True)


class RequestDetailView(RequestView):
    plan = fields.Dict(metadata={"description": "What was asked, as it was decided on."})
    digest = fields.String(
        metadata={"description": "SHA-256 of the plan: the decision holds for this and nothing else."}
    )
    policy = fields.String(metadata={"description": "The rule that decided, or asked for a decision."})
    decider = fields.String(allow_none=True)
    decided_at = fields.AwareDateTime(allow_none=True)


class PlanView(Schema):
    """What a dry run would have done."""

    plan = fields.Dict()
    digest = fields.String()
