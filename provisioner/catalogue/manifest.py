"""What app.yml and parameters.yml may say (docs/app-authors.md)."""

import re
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validates, validates_schema
from marshmallow.validate import Length, OneOf, Range, Regexp

from provisioner.catalogue.models import ReleaseState
from provisioner.catalogue.parameters import READERS, RESERVED, Fault, checked

SLUG = Regexp(
    r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$", error="Small letters, digits and hyphens, at most 32, a letter first."
)
LABEL = Regexp(r"^[a-z0-9]([a-z0-9.-]{0,30}[a-z0-9])?\Z", error="Small letters, digits, dots and hyphens, at most 32.")
NAME = re.compile(r"^[a-z][a-z0-9_]{0,40}$")
LANGUAGES = ("ar", "fr", "en")
# After a lost rotation nobody knows which secrets are in place: both are kept until a person decides.
UNREPEATABLE = {"rotate"}


class Words(Schema):
    """One text in each language of the service."""

    ar = fields.String(required=True, validate=Length(1))
    fr = fields.String(required=True, validate=Length(1))
    en = fields.String(required=True, validate=Length(1))


class ReleaseEntry(Schema):
    version = fields.String(required=True, validate=Regexp(r"^[0-9A-Za-z][0-9A-Za-z.+-]{0,40}$"))
    state = fields.Enum(ReleaseState, by_value=True, required=True)
    runtime = fields.String(required=True, validate=Regexp(r"^runtimes/[0-9A-Za-z.+-]+\.txt$"))


class HealthCheck(Schema):
    page = fields.String(required=True)
    timeout = fields.Integer(required=True, validate=Range(1))


class Resources(Schema):
    memory_mb = fields.Integer(required=True, validate=Range(1))
    disk_mb = fields.Integer(required=True, validate=Range(1))


class Manifest(Schema):
    """app.yml."""

    slug = fields.String(required=True, validate=SLUG)
    name = fields.Nested(Words, required=True)
    summary = fields.Nested(Words, required=True)
    category = fields.String(required=True)
    owner = fields.String(required=True)
    tenancy = fields.String(required=True, validate=OneOf(["dedicated"]))
    classification = fields.String(required=True, validate=OneOf(["public", "internal", "restricted"]))
    releases = fields.List(fields.Nested(ReleaseEntry), required=True, validate=Length(1))
    actions = fields.List(fields.String(validate=Regexp(r"^[a-z_]+$")), required=True, validate=Length(1))
    concurrency = fields.Integer(required=True, validate=Range(1))
    timeouts = fields.Dict(keys=fields.String(), values=fields.Integer(validate=Range(1)), required=True)
    retry_safe = fields.List(fields.String(), required=True)
    health = fields.Nested(HealthCheck, required=True)
    resources = fields.Nested(Resources, required=True)
    host_labels = fields.List(fields.String(validate=LABEL), load_default=list)
    secrets = fields.List(fields.String(validate=Regexp(NAME)), required=True)
    facts = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), required=True)
    procedures = fields.List(fields.String(), load_default=list)

    @validates_schema
    def _actions_agree(self, data: dict[str, Any], **_: Any) -> None:
        actions = set(data["actions"])
        for name, used in (("timeouts", set(data["timeouts"])), ("retry_safe", set(data["retry_safe"]))):
            if used - actions:
                raise ValidationError(f"names actions that are not offered: {', '.join(sorted(used - actions))}", name)
        if actions - set(data["timeouts"]):
            raise ValidationError(f"lacks {', '.join(sorted(actions - set(data['timeouts'])))}", "timeouts")
        if "rotate" in actions and not data["secrets"]:
            raise ValidationError("offers to renew secrets, but there are none", "actions")

    @validates("retry_safe")
    def _nothing_would_be_lost(self, value: list[str], **_: Any) -> None:
        if unsafe := UNREPEATABLE & set(value):
            raise ValidationError(f"may not run again by itself: {', '.join(sorted(unsafe))}")

    @validates_schema
    def _versions_differ(self, data: dict[str, Any], **_: Any) -> None:
        versions = [release["version"] for release in data["releases"]]
        if len(set(versions)) != len(versions):
            raise ValidationError("the same version stands twice", "releases")


class Parameter(Schema):
    """One entry of parameters.yml, in the words of Ansible's argument specs and a few of ours."""

    type = fields.String(required=True, validate=OneOf(list(READERS)))
    required = fields.Boolean(load_default=False)
    default = fields.Raw(load_default=None, allow_none=True)
    choices = fields.List(fields.Raw())
    description = fields.String(required=True)
    label = fields.Nested(Words, required=True)
    help = fields.Nested(Words)
    choice_labels = fields.Dict(keys=fields.Raw(), values=fields.Nested(Words))
    pattern = fields.String()
    max_length = fields.Integer(validate=Range(1))
    minimum = fields.Integer()
    maximum = fields.Integer()
    secret = fields.Boolean(
        load_default=False, validate=OneOf([False], error="Settings are kept in clear: use `secrets` of app.yml.")
    )
    immutable_after = fields.String(validate=OneOf(["provision"]))

    @validates("pattern")
    def _compiles(self, value: str, **_: Any) -> None:
        try:
            re.compile(value)
        except re.error as error:
            raise ValidationError(f"is not a regular expression: {error}") from None

    @post_load
    def _its_own_values_fit(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """What the file itself offers passes the same check as what people give."""
        for choice in data.get("choices", []):
            _fits(data, choice, "choices")
        for choice in data.get("choice_labels", {}):
            _fits(data, choice, "choice_labels")
        if data["default"] is not None:
            data["default"] = _fits(data, data["default"], "default")
        return data


def _fits(parameter: dict[str, Any], value: Any, where: str) -> Any:
    try:
        return checked(parameter, value)
    except Fault as fault:
        raise ValidationError(f"{value}: {fault}", where) from None


class ParameterFile(Schema):
    """parameters.yml."""

    options = fields.Dict(keys=fields.String(), values=fields.Nested(Parameter), required=True)

    @validates("options")
    def _names_are_ours_to_give(self, value: dict[str, Any], **_: Any) -> None:
        for name in value:
            if not NAME.fullmatch(name) or RESERVED.match(name):
                raise ValidationError({name: ["this name is reserved or not well formed"]})
