"""What comes in and goes out about workers and drains, for the API and forms alike."""

from marshmallow import Schema, fields
from marshmallow.validate import Length, Regexp

from provisioner.workers.lifecycle import DrainScope

REASON = Length(min=1, max=2000)


class WorkerView(Schema):
    name = fields.String()
    sites = fields.List(fields.String(), metadata={"description": "The sites whose jobs it takes."})
    concurrency = fields.Integer(metadata={"description": "How many runs it carries out at once."})
    sandbox = fields.String(metadata={"description": "How it fences in its runs; `none` where nothing does."})
    started_at = fields.AwareDateTime()
    seen_at = fields.AwareDateTime()
    leaving = fields.Boolean(metadata={"description": "It has been told to stop, and ends what it runs."})
    present = fields.Boolean(metadata={"description": "It has been seen within the last half minute."})
    draining = fields.String(allow_none=True, metadata={"description": "Why it begins nothing new, if so."})


class WorkersView(Schema):
    """All workers at once, in the form of a page: an estate has a few dozen."""

    items = fields.List(fields.Nested(WorkerView))
    next = fields.String(allow_none=True)


class DrainPlace(Schema):
    scope = fields.Enum(DrainScope, by_value=True, required=True)
    name = fields.String(
        load_default="", metadata={"description": "Of the site or the worker; nothing for the whole service."}
    )


class DrainRequest(DrainPlace):
    reason = fields.String(required=True, validate=REASON, metadata={"description": "Kept in the audit."})


class DrainForm(Schema):
    """For pages: the place in one choice, `service`, `site:<name>` or `worker:<name>`."""

    place = fields.String(required=True, validate=Regexp(r"^(service|(site|worker):.+)$"))
    reason = fields.String(required=True, validate=REASON)


class DrainView(DrainRequest):
    since = fields.AwareDateTime()


class DrainsView(Schema):
    """All drains at once, in the form of a page."""

    items = fields.List(fields.Nested(DrainView))
    next = fields.String(allow_none=True)
