"""What goes out about backups."""

from marshmallow import Schema, fields


class BackupView(Schema):
    id = fields.UUID()
    instance_id = fields.UUID()
    job_id = fields.UUID(metadata={"description": "The job that took it."})
    version = fields.String(metadata={"description": "The release that its data belongs to."})
    name = fields.String(metadata={"description": "In the store."})
    store = fields.String(metadata={"description": "The store's URL, as hosts reach it."})
    bytes = fields.Integer()
    sha256 = fields.String(metadata={"description": "Of what the store holds, read back from there."})
    taken_at = fields.AwareDateTime()
    proven_at = fields.AwareDateTime(
        allow_none=True, metadata={"description": "When a copy was last restored from it and read."}
    )
    expired_at = fields.AwareDateTime(allow_none=True, metadata={"description": "When it left the store."})
