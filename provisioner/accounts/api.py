"""The API about oneself: who am I, and my tokens."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from flask_smorest import Blueprint

from provisioner.accounts import queries, tokens
from provisioner.accounts.doors import for_everyone_signed_in, principal
from provisioner.accounts.models import ApiToken
from provisioner.accounts.queries import Principal
from provisioner.accounts.schemas import MeView, NewTokenView, TokenRequest, TokenView
from provisioner.accounts.tokens import NewToken
from provisioner.db import transaction
from provisioner.listing import IN_QUERY, DryRunQuery

blp = Blueprint("accounts_api", __name__, url_prefix="/api/v1/me", description="Who is asking, and their tokens")


@blp.route("")
@for_everyone_signed_in
@blp.response(200, MeView)
def me() -> Principal:
    """Who is asking, and what they may do."""
    return principal()


@blp.route("/tokens")
@for_everyone_signed_in
@blp.response(200, TokenView(many=True))
def my_tokens() -> Sequence[ApiToken]:
    """My tokens that are not revoked, newest first."""
    return queries.tokens(principal().account_id)


@blp.route("/tokens", methods=["POST"])
@for_everyone_signed_in
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.arguments(TokenRequest)
@blp.response(201, NewTokenView)
def create_token(how: dict[str, Any], wanted: NewToken) -> Any:
    """A new token. Its text is in this answer and nowhere else; in that of a dry run, 200, there is none."""
    with transaction(**how):
        token, text = tokens.create(principal(), wanted)
        made = {name: getattr(token, name) for name in TokenView().fields}
    if how["dry_run"]:
        return made, HTTPStatus.OK
    return {**made, "token": text}


@blp.route("/tokens/<token_id>", methods=["DELETE"])
@for_everyone_signed_in
@blp.arguments(DryRunQuery, **IN_QUERY)
@blp.response(204)
def revoke_token(how: dict[str, Any], token_id: str) -> None:
    """The token works no more."""
    with transaction(**how):
        tokens.revoke(principal().account_id, token_id)
