"""What comes in and goes out about findings and looks at hosts, for the API and forms alike."""

from marshmallow import Schema, fields

from provisioner.findings.lifecycle import Decision, FindingState, Kind
from provisioner.jobs.schemas import REASON
from provisioner.listing import ListQuery, Moment


class FindingsQuery(ListQuery):
    state = fields.Enum(FindingState, by_value=True, load_default=FindingState.OPEN)
    kind = fields.Enum(Kind, by_value=True)
    host = fields.String(metadata={"description": "The name of the server."})
    instance_id = fields.UUID()


class FindingDecision(Schema):
    reason = fields.String(required=True, validate=REASON, metadata={"description": "Kept in the audit."})


class IgnoreFinding(FindingDecision):
    until = Moment(required=True, metadata={"description": "A moment, or the end of a day in Morocco."})


class FindingView(Schema):
    id = fields.UUID()
    host = fields.String()
    kind = fields.Enum(Kind, by_value=True)
    subject = fields.String(metadata={"description": "The name on the server: a short id, or what stands there."})
    instance_id = fields.UUID(allow_none=True)
    detail = fields.Dict(metadata={"description": "`found` and `expected`, or `changes`, as the kind has them."})
    state = fields.Enum(FindingState, by_value=True)
    first_seen = fields.AwareDateTime()
    last_seen = fields.AwareDateTime()
    outdated = fields.Boolean(
        metadata={"description": "A job has changed the instance since: look again before it is repaired or adopted."}
    )
    ignored_until = fields.AwareDateTime(allow_none=True)
    decision = fields.Enum(Decision, by_value=True, allow_none=True)
    decider = fields.String(allow_none=True, metadata={"description": "Empty for the service's own shell."})
    decided_at = fields.AwareDateTime(allow_none=True)
    reason = fields.String(allow_none=True)
    job_id = fields.UUID(allow_none=True, metadata={"description": "The job that repairs it."})
    outcome = fields.String(
        allow_none=True, metadata={"description": "Where the last copy of what was taken away lies, or why it was not."}
    )
    closed_at = fields.AwareDateTime(allow_none=True)


class SurveyView(Schema):
    host = fields.String()
    due_at = fields.AwareDateTime(metadata={"description": "When the server is looked at next."})
    began_at = fields.AwareDateTime(allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    succeeded_at = fields.AwareDateTime(
        allow_none=True, metadata={"description": "When the last look began that came to a result."}
    )
    failure = fields.String(allow_none=True, metadata={"description": "What the newest said, if it came to none."})
    facts = fields.Dict(metadata={"description": "Versions, free disk and memory, and how many of each it has."})
