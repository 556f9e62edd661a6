"""The commands `provisioner users` and `provisioner tokens`, for whoever runs the service on its own machine."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from provisioner.accounts import passwords, queries, service, tokens as token_service
from provisioner.accounts.models import ApiToken
from provisioner.accounts.policy import Right, Role
from provisioner.accounts.service import LANGUAGES, NewAccount
from provisioner.accounts.tokens import LONGEST_DAYS, NewToken
from provisioner.db import transaction
from provisioner.output import output_option, show, show_one
from provisioner.paging import MOST, PageRequest

USERS = {"username": "User name", "display_name": "Name", "roles": "Roles", "disabled_at": "Disabled"}
TOKENS = {"id": "Id", "name": "Name", "rights": "Rights", "expires_at": "Valid until", "used_at": "Last used"}

role_argument = click.argument("role", type=click.Choice([role.value for role in Role]))
password_file_option = click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its first line is the password. Without it one is generated and shown once.",
)


@click.group()
def users() -> None:
    """People who may sign in, and their roles."""


@users.command("add")
@click.argument("username")
@click.option("--name", required=True, help="How pages call this person.")
@click.option("--email")
@click.option("--language", type=click.Choice(LANGUAGES), default="fr", show_default=True)
@click.option("--role", "roles", type=click.Choice([role.value for role in Role]), multiple=True)
@password_file_option
@output_option
def add_user(
    username: str,
    name: str,
    email: str | None,
    language: str,
    roles: tuple[str, ...],
    password_file: Path | None,
    output: str,
) -> None:
    """Create an account."""
    password, to_show = _password(password_file)
    wanted = NewAccount(username, name, password, email, language, frozenset(map(Role, roles)))
    with transaction():
        account = service.create_account(wanted)
    show_one({"username": account.identity.username, "id": account.id, **to_show}, output)


@users.command("list")
@output_option
def list_users(output: str) -> None:
    """All accounts with their roles."""
    show(_everybody(), USERS, output)


def _everybody() -> Iterable[dict[str, Any]]:
    cursor: str | None = ""
    while cursor is not None:
        page = queries.accounts(PageRequest(MOST, cursor))
        yield from ({**row._asdict(), "roles": ", ".join(row.roles)} for row in page.rows)
        cursor = page.next


@users.command("grant")
@click.argument("username")
@role_argument
def grant_role(username: str, role: str) -> None:
    """Give a role, from now on."""
    with transaction():
        service.grant_role(queries.by_username(username).id, Role(role))


@users.command("revoke")
@click.argument("username")
@role_argument
def revoke_role(username: str, role: str) -> None:
    """Take a role away, from now on."""
    with transaction():
        service.revoke_role(queries.by_username(username).id, Role(role))


@users.command("disable")
@click.argument("username")
@click.option("--reason", required=True, help="Kept in the audit.")
def disable_user(username: str, reason: str) -> None:
    """End the sessions of an account, revoke its tokens, and let it sign in no more."""
    with transaction():
        service.disable_account(queries.by_username(username).id, reason)


@users.command("password")
@click.argument("username")
@password_file_option
@output_option
def set_password(username: str, password_file: Path | None, output: str) -> None:
    """Replace a password, and sign the account out everywhere."""
    password, to_show = _password(password_file)
    with transaction():
        service.set_password(queries.by_username(username).id, password)
    show_one({"username": username, **to_show}, output)


def _password(file: Path | None) -> tuple[str, dict[str, str]]:
    """The password, and what of it is to be shown: a generated one only."""
    if file:
        return file.read_text().split("\n", 1)[0], {}
    password = passwords.generated()
    return password, {"password": password}


@click.group()
def tokens() -> None:
    """Tokens with which programs call the API."""


@tokens.command("create")
@click.argument("username")
@click.option("--name", required=True, help="What the token is for.")
@click.option("--right", "rights", type=click.Choice([right.value for right in Right]), multiple=True, required=True)
@click.option("--days", type=click.IntRange(1, LONGEST_DAYS), default=90, show_default=True)
@output_option
def create_token(username: str, name: str, rights: tuple[str, ...], days: int, output: str) -> None:
    """Create a token of an account, and show it once."""
    with transaction():
        owner = queries.principal_of(queries.by_username(username).id)
        token, text = token_service.create(owner, NewToken(name, frozenset(map(Right, rights)), days))
        show_one({**_facts(token), "token": text}, output)


@tokens.command("list")
@click.argument("username")
@output_option
def list_tokens(username: str, output: str) -> None:
    """The tokens of an account that are not revoked."""
    show(map(_facts, queries.tokens(queries.by_username(username).id)), TOKENS, output)


@tokens.command("revoke")
@click.argument("username")
@click.argument("token_id")
def revoke_token(username: str, token_id: str) -> None:
    """A token works no more."""
    with transaction():
        token_service.revoke(queries.by_username(username).id, token_id)


def _facts(token: ApiToken) -> dict[str, Any]:
    facts = {name: getattr(token, name) for name in TOKENS}
    return facts | {"rights": ", ".join(token.rights)}
