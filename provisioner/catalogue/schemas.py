"""What goes out about apps."""

from marshmallow import Schema, fields

from provisioner.catalogue.manifest import Words
from provisioner.catalogue.models import ReleaseState


class ReleaseView(Schema):
    version = fields.String()
    state = fields.Enum(ReleaseState, by_value=True)


class AppView(Schema):
    slug = fields.String()
    names = fields.Nested(Words)
    summary = fields.Nested(Words)
    releases = fields.List(fields.Nested(ReleaseView), metadata={"description": "The oldest first."})
    actions = fields.List(fields.String(), attribute="manifest.actions")
    withdrawn_at = fields.AwareDateTime(
        allow_none=True, metadata={"description": "Since when it is no longer offered."}
    )


class AppDetailView(AppView):
    digest = fields.String(metadata={"description": "SHA-256 of the playbooks as they were mirrored."})
    synced_at = fields.AwareDateTime()
    parameters = fields.List(
        fields.Dict(), metadata={"description": "The entries of parameters.yml, each with its name."}
    )


class AppsView(Schema):
    """All apps at once, in the form of a page: a catalogue has a few dozen."""

    items = fields.List(fields.Nested(AppView))
    next = fields.String(allow_none=True)
