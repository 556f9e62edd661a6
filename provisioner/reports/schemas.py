"""What comes in and goes out of reports."""

from typing import Any

from marshmallow import Schema, fields, pre_dump
from marshmallow.validate import OneOf

from provisioner.administrations.kinds import Kind
from provisioner.instances.lifecycle import Environment
from provisioner.instances.queries import STATES
from provisioner.instances.schemas import AdministrationRef, AppRef, referring
from provisioner.listing import AsOfQuery, ListQuery


class InventoryFilters(AsOfQuery):
    app = fields.String()
    kind = fields.Enum(Kind, by_value=True, metadata={"description": "Of the administration."})
    region = fields.String(metadata={"description": "Its id, its label, or a code as scheme:value."})
    state = fields.String(validate=OneOf(STATES), metadata={"description": "Without it: all but removed."})
    text = fields.String(metadata={"description": "Words of the administration's names, or a code."})
    has_app = fields.String(metadata={"description": "Everything of the administrations that run this app."})
    lacks_app = fields.String(
        metadata={"description": "Everything of those that do not; alone, also of those that run nothing."}
    )


class InventoryQuery(ListQuery, InventoryFilters):
    pass


class InventoryRowView(Schema):
    """One instance of an administration; or none, where the administration runs nothing."""

    administration = fields.Nested(AdministrationRef)
    kind = fields.Enum(Kind, by_value=True)
    region = fields.String(allow_none=True)
    instance_id = fields.UUID(allow_none=True)
    app = fields.Nested(AppRef, allow_none=True)
    environment = fields.Enum(Environment, by_value=True, allow_none=True)
    state = fields.String(allow_none=True)
    version = fields.String(allow_none=True)
    address = fields.String(allow_none=True)
    since = fields.AwareDateTime(allow_none=True)

    @pre_dump
    def _nested(self, row: Any, **_: Any) -> dict[str, Any]:
        return referring(row)


class AuditQuery(ListQuery):
    object_type = fields.String()
    object_id = fields.String()
    administration = fields.String(metadata={"description": "Its id, its label, or a code as scheme:value."})
    action = fields.String()


class AuditEventView(Schema):
    id = fields.Integer()
    at = fields.AwareDateTime()
    actor_id = fields.UUID(allow_none=True)
    actor = fields.String(allow_none=True, metadata={"description": "Missing where the person has been erased."})
    on_behalf_of = fields.String(allow_none=True)
    via = fields.String()
    correlation_id = fields.String(allow_none=True, metadata={"description": "X-Request-ID of the call."})
    action = fields.String()
    object_type = fields.String()
    object_id = fields.String()
    administration_id = fields.UUID(allow_none=True)
    request_id = fields.UUID(allow_none=True)
    job_id = fields.UUID(allow_none=True)
    reason = fields.String(allow_none=True)
    before = fields.Dict(allow_none=True)
    after = fields.Dict(allow_none=True)
    outcome = fields.String()
