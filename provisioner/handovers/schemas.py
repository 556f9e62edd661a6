"""What comes in and goes out about links by which secrets are handed over, for the API and forms alike."""

from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from provisioner.handovers.lifecycle import HandoverState
from provisioner.jobs.schemas import REASON


class HandoverRequest(Schema):
    secret = fields.String(required=True, metadata={"description": "Its name, as `secrets` of the app lists it."})
    reason = fields.String(
        required=True, validate=REASON, metadata={"description": "Who receives it, and why. Kept in the audit."}
    )


class HandoverView(Schema):
    id = fields.UUID()
    instance_id = fields.UUID()
    secret = fields.String()
    reason = fields.String()
    state = fields.String(validate=OneOf(list(HandoverState)))
    created_at = fields.AwareDateTime()
    created_by = fields.String(allow_none=True, metadata={"description": "Empty for the service's own shell."})
    expires_at = fields.AwareDateTime()
    opened_at = fields.AwareDateTime(allow_none=True)
    opened_from = fields.String(allow_none=True, metadata={"description": "The network address."})
    revoked_at = fields.AwareDateTime(allow_none=True)


class NewHandoverView(HandoverView):
    link = fields.URL(require_tld=False, metadata={"description": "The link itself, shown this once."})
