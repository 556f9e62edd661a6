"""What is told of a server that is being emptied."""

from flask_babel import gettext
from marshmallow import Schema, fields

from provisioner.estate.remaining import Progress, Stay


def obstacles(told: Progress) -> list[str]:
    """What keeps instances there, to the reader."""
    return list(dict.fromkeys(gettext(each.message, **each.details) for each in told.obstacles))


class LeftView(Schema):
    """How many instances are still there, by why."""

    moving = fields.Function(lambda left: left[Stay.MOVING], metadata={"type": "integer"})
    waiting = fields.Function(
        lambda left: left[Stay.WAITING], metadata={"type": "integer", "description": "Asked at the next look."}
    )
    failed = fields.Function(
        lambda left: left[Stay.FAILED],
        metadata={"type": "integer", "description": "Their moves did not succeed, or were cancelled: people decide."},
    )
    busy = fields.Function(
        lambda left: left[Stay.BUSY], metadata={"type": "integer", "description": "Other jobs have them."}
    )
    no_room = fields.Function(
        lambda left: left[Stay.NO_ROOM], metadata={"type": "integer", "description": "No other server suits them."}
    )
    fixed = fields.Function(
        lambda left: left[Stay.FIXED],
        metadata={"type": "integer", "description": "They cannot be moved, as they are or as their app is."},
    )


class EmptyingView(Schema):
    """How far the emptying of a host has come."""

    reason = fields.String()
    since = fields.AwareDateTime()
    by = fields.String(allow_none=True, metadata={"description": "Who drained it; missing where that is erased."})
    asked = fields.Integer(metadata={"description": "Instances that were asked to leave since then."})
    moved = fields.Integer(metadata={"description": "Those of them that did."})
    left = fields.Nested(LeftView)
    obstacles = fields.Function(
        obstacles, metadata={"type": "array", "items": {"type": "string"}, "description": "What keeps all of an app."}
    )
