"""What goes out about hosts."""

from marshmallow import Schema, fields

from provisioner.hosts.models import Connection, HostState


class HostView(Schema):
    id = fields.UUID()
    name = fields.String()
    address = fields.String()
    connection = fields.Enum(Connection, by_value=True)
    site = fields.String(metadata={"description": "The queue of the workers that can reach it."})
    state = fields.Enum(HostState, by_value=True)
    slots = fields.Integer(metadata={"description": "On how many of its instances jobs may act at once."})
    parked_at = fields.AwareDateTime(allow_none=True, metadata={"description": "Since when it does not answer, if so."})
    probe_at = fields.AwareDateTime(allow_none=True, metadata={"description": "When it is looked for again."})
    port_first = fields.Integer()
    port_last = fields.Integer()


class HostsView(Schema):
    """All hosts at once, in the form of a page: an estate has a few dozen."""

    items = fields.List(fields.Nested(HostView))
    next = fields.String(allow_none=True)
