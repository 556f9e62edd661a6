"""The commands for whoever runs the service on its own machine."""

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from provisioner.accounts import queries
from provisioner.accounts.cli import tokens, users
from provisioner.accounts.policy import Role
from provisioner.errors import Conflict, Invalid, NotFound
from tests.accounts.conftest import PASSWORD, Browser, Person

pytestmark = pytest.mark.usefixtures("app")


def run(command: click.Command, *arguments: str) -> Any:
    """What the command prints as JSON; its refusals are raised."""
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.output) if "json" in arguments else result.output


def test_a_user_is_added_with_a_password_that_is_shown_once(browser: Browser) -> None:
    added = run(users, "add", "amina", "--name", "Amina", "--role", "viewer", "--role", "auditor", "--output", "json")

    assert browser.sign_in("amina", added["password"]).status_code == 303
    assert queries.roles(queries.by_username("amina").id) == {Role.VIEWER, Role.AUDITOR}
    assert added["password"] not in run(users, "list", "--output", "table")


def test_a_password_from_a_file_is_taken_and_not_shown(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")

    output = run(users, "add", "amina", "--name", "Amina", "--password-file", str(file))

    assert PASSWORD not in output
    assert browser.sign_in("amina").status_code == 303


def test_users_are_listed_with_their_roles(person: Person) -> None:
    person(Role.VIEWER, Role.OPERATOR, username="amina")
    person(username="karim")

    listed = run(users, "list", "--output", "json")

    assert [(user["username"], user["roles"]) for user in listed] == [("amina", "operator, viewer"), ("karim", "")]
    assert "amina" in run(users, "list")


def test_roles_are_granted_and_revoked(person: Person) -> None:
    amina = person(username="amina")
    run(users, "grant", "amina", "approver")
    assert queries.roles(amina.id) == {Role.APPROVER}

    run(users, "revoke", "amina", "approver")

    assert queries.roles(amina.id) == frozenset()
    with pytest.raises(Conflict):
        run(users, "revoke", "amina", "approver")


def test_a_new_password_replaces_the_old_one(browser: Browser, person: Person, tmp_path: Path) -> None:
    person(username="amina")

    changed = run(users, "password", "amina", "--output", "json")

    assert browser.sign_in("amina").status_code == 422
    assert browser.sign_in("amina", changed["password"]).status_code == 303
    weak = tmp_path / "weak"
    weak.write_text("password1234")
    with pytest.raises(Invalid):
        run(users, "password", "amina", "--password-file", str(weak))


def test_a_disabled_user_signs_in_no_more(browser: Browser, person: Person) -> None:
    person(username="amina")

    run(users, "disable", "amina", "--reason", "left")

    assert browser.sign_in("amina").status_code == 422


def test_a_token_is_created_listed_and_revoked(client: FlaskClient, person: Person) -> None:
    person(Role.VIEWER, username="amina")
    made = run(tokens, "create", "amina", "--name", "script", "--right", "view", "--output", "json")
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert client.get("/api/v1/me", headers=bearer).json["rights"] == ["view"]
    assert [token["id"] for token in run(tokens, "list", "amina", "--output", "json")] == [made["id"]]

    run(tokens, "revoke", "amina", made["id"])

    assert client.get("/api/v1/me", headers=bearer).status_code == 401


def test_a_token_beyond_its_account_and_unknown_names_are_refused(person: Person) -> None:
    person(Role.VIEWER, username="amina")

    with pytest.raises(Invalid):
        run(tokens, "create", "amina", "--name", "script", "--right", "administer")
    for command, arguments in ((users, ["grant", "nobody", "viewer"]), (tokens, ["list", "nobody"])):
        with pytest.raises(NotFound):
            run(command, *arguments)
