"""What comes in and goes out about accounts, for the API and forms alike."""

from typing import Any

from marshmallow import Schema, fields, post_load
from marshmallow.validate import Length, OneOf

from provisioner.accounts.policy import Right, Role
from provisioner.accounts.service import LANGUAGES
from provisioner.accounts.tokens import NewToken

A_LINE = Length(min=1, max=200)


class SignInRequest(Schema):
    username = fields.String(required=True)
    password = fields.String(required=True)
    next = fields.String(load_default="/")


class PasswordRequest(Schema):
    current = fields.String(required=True)
    password = fields.String(required=True)


class LanguageRequest(Schema):
    language = fields.String(required=True, validate=OneOf(LANGUAGES))


class AccountRequest(Schema):
    username = fields.String(required=True)
    display_name = fields.String(required=True, validate=A_LINE)
    email = fields.Email(load_default=None)
    language = fields.String(load_default="fr", validate=OneOf(LANGUAGES))
    roles = fields.List(fields.Enum(Role, by_value=True), load_default=list)


class RoleRequest(Schema):
    role = fields.Enum(Role, by_value=True, required=True)


class DisableRequest(Schema):
    reason = fields.String(required=True, validate=A_LINE)


class TokenRequest(Schema):
    name = fields.String(required=True, validate=A_LINE)
    rights = fields.List(
        fields.Enum(Right, by_value=True), required=True, metadata={"description": "At most your own."}
    )
    days = fields.Integer(load_default=90, metadata={"description": "How long it is valid, 1 to 366 days."})

    @post_load
    def _as_value(self, given: dict[str, Any], **_: Any) -> NewToken:
        return NewToken(given["name"], frozenset(given["rights"]), given["days"])


class TokenView(Schema):
    id = fields.String()
    name = fields.String()
    rights = fields.List(fields.String())
    created_at = fields.AwareDateTime()
    expires_at = fields.AwareDateTime()
    used_at = fields.AwareDateTime(allow_none=True)


class NewTokenView(TokenView):
    token = fields.String(metadata={"description": "The token itself, shown this once."})


class MeView(Schema):
    account_id = fields.UUID()
    username = fields.String()
    display_name = fields.String()
    language = fields.String()
    rights = fields.Function(lambda who: sorted(who.rights), metadata={"type": "array", "items": {"type": "string"}})
    token_id = fields.String(allow_none=True)
