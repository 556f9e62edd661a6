"""What comes in and goes out about instances, for the API and forms alike."""

from typing import Any

from marshmallow import Schema, fields, pre_dump
from marshmallow.validate import OneOf

from provisioner.administrations.queries import referred
from provisioner.backups.lifecycle import Overdue
from provisioner.catalogue.manifest import Words
from provisioner.db import Json
from provisioner.instances.ending import digest
from provisioner.instances.lifecycle import Environment, Health, State
from provisioner.instances.queries import STATES, Filter
from provisioner.jobs.lifecycle import JobState, Resolution
from provisioner.jobs.schemas import REASON
from provisioner.listing import AsOfQuery, ListQuery


class ResolveRequest(Schema):
    resolution = fields.Enum(Resolution, by_value=True, required=True)
    reason = fields.String(required=True, validate=REASON, metadata={"description": "Kept in the audit."})


class DecisionRequest(Schema):
    """What a person decides about an instance without a job."""

    reason = fields.String(required=True, validate=REASON, metadata={"description": "Kept in the audit."})


class CertificateView(Schema):
    instance_id = fields.UUID()
    job_id = fields.UUID()
    erased_at = fields.AwareDateTime()
    certificate = fields.Dict(metadata={"description": "What was erased, where, and what is left."})
    digest = fields.Function(
        lambda kept: digest(kept.certificate),
        metadata={"type": "string", "description": "SHA-256 of the certificate; the audit has it, too."},
    )


class InstancesFilter(Schema):
    """Which instances of an app, or of all."""

    administration = fields.String(metadata={"description": "Its id, its label, or a code as scheme:value."})
    state = fields.String(
        validate=OneOf(STATES), metadata={"description": "Without it: all but the removed instances."}
    )
    release = fields.String(metadata={"description": "The version that is applied."})
    environment = fields.Enum(Environment, by_value=True)
    host = fields.String()
    health = fields.Enum(Health, by_value=True)
    overdue = fields.Enum(
        Overdue,
        by_value=True,
        metadata={"description": "Without a backup, or without a proof of one, for longer than the settings allow."},
    )
    region = fields.String(
        metadata={"description": "Of administrations in this region: its id, its label, or a code as scheme:value."}
    )
    text = fields.String(
        metadata={"description": "Words of the administration's names, a code, a host name, a short id."}
    )


class InstancesQuery(InstancesFilter, ListQuery, AsOfQuery):
    app = fields.String()


def meant(given: Json) -> Filter:
    """The filter of a reader, who names administrations by an id, a label, or a code as scheme:value; NotFound."""
    ids = {name: given.get(name) and referred(given[name]).id for name in ("administration", "region")}
    plain = {name: value for name, value in given.items() if name not in ids}
    return Filter(administration_id=ids["administration"], region_id=ids["region"], **plain)


class AdministrationRef(Schema):
    id = fields.UUID()
    slug = fields.String()
    names = fields.Dict(keys=fields.String(), values=fields.String(), metadata={"description": "By language."})


class AppRef(Schema):
    slug = fields.String()
    names = fields.Nested(Words)


class ActivityView(Schema):
    """The open job, which holds the instance."""

    job_id = fields.UUID()
    action = fields.String()
    state = fields.Enum(JobState, by_value=True)


def referring(row: Any) -> dict[str, Any]:
    """A row of the inventory with what it says of its administration and its app each in a place of its own."""
    administration = {"id": row.administration_id, "slug": row.administration, "names": row.administration_names}
    app = {"slug": row.app, "names": row.app_names} if row.app else None
    return {**row._mapping, "administration": administration, "app": app}  # noqa: SLF001 - how a row is read by name


class InstanceView(Schema):
    id = fields.UUID()
    short_id = fields.String()
    administration = fields.Nested(AdministrationRef)
    app = fields.Nested(AppRef)
    environment = fields.Enum(Environment, by_value=True)
    host = fields.String()
    address = fields.URL(require_tld=False)
    hostname = fields.String()
    state = fields.String(validate=OneOf(STATES))
    activity = fields.Nested(ActivityView, allow_none=True)
    desired = fields.String(metadata={"description": "The version that it shall have."})
    applied = fields.String(allow_none=True, metadata={"description": "The version that it has."})
    failed = fields.String(
        allow_none=True, metadata={"description": "The version that failed last, until one is applied."}
    )
    health = fields.Enum(Health, by_value=True, allow_none=True)
    since = fields.AwareDateTime(metadata={"description": "When state, place, versions or settings last changed."})

    @pre_dump
    def _nested(self, row: Any, **_: Any) -> dict[str, Any]:
        activity = {"job_id": row.job_id, "action": row.job_action, "state": row.job_state} if row.job_id else None
        return {**referring(row), "activity": activity}


class InstanceDetailView(InstanceView):
    settings = fields.Dict()
    created_at = fields.AwareDateTime()
    removal_due_at = fields.AwareDateTime(
        allow_none=True, metadata={"description": "When the grace period of one that is to be removed is over."}
    )
    legal_hold = fields.String(allow_none=True, metadata={"description": "Why nothing of it may be erased."})
    backed_up_at = fields.AwareDateTime(allow_none=True, metadata={"description": "Its last backup in the store."})
    proven_at = fields.AwareDateTime(
        allow_none=True, metadata={"description": "When a copy was last restored from a backup and read."}
    )
    health_at = fields.AwareDateTime(allow_none=True, metadata={"description": "When its health was last looked at."})
    last_used_at = fields.AwareDateTime(
        allow_none=True,
        metadata={"description": "When somebody last asked for it, as of its last check; null where no proxy tells."},
    )


class PeriodView(Schema):
    """What the instance was from `since` to `until`; the last has no end."""

    since = fields.AwareDateTime()
    until = fields.AwareDateTime(allow_none=True)
    state = fields.Enum(State, by_value=True)
    host = fields.String()
    address = fields.String()
    desired = fields.String()
    applied = fields.String(allow_none=True)
    settings = fields.Dict()


class HistoryView(Schema):
    """All periods at once, the newest first: an instance has a few dozen."""

    items = fields.List(fields.Nested(PeriodView))
    next = fields.String(allow_none=True)
