"""Programs with tokens: they may do what the token and its account both allow, for as long as both last."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from provisioner.accounts import queries, service, tokens
from provisioner.accounts.models import ApiToken
from provisioner.accounts.policy import Right, Role
from provisioner.accounts.tokens import NewToken
from provisioner.db import db, transaction
from tests.accounts.conftest import Person, SignedIn


def issue(username: str, *rights: Right) -> str:
    owner = queries.principal_of(queries.by_username(username).id)
    with transaction():
        return tokens.create(owner, NewToken("script", frozenset(rights), 30))[1]


def me(client: FlaskClient, token: str, scheme: str = "Bearer") -> TestResponse:
    return client.get("/api/v1/me", headers={"Authorization": f"{scheme} {token}"})


def test_a_token_is_created_and_shown_once_and_then_opens_the_api(signed_in: SignedIn, client: FlaskClient) -> None:
    browser = signed_in(Role.OPERATOR, username="amina")
    proof = {"X-CSRF-Token": browser.csrf_token()}

    made = browser.client.post("/api/v1/me/tokens", json={"name": "script", "rights": ["view"]}, headers=proof)

    assert made.status_code == 201
    answer = me(client, made.json["token"])
    assert answer.json == {
        "account_id": str(queries.by_username("amina").id),
        "username": "amina",
        "display_name": "Amina",
        "language": "fr",
        "rights": ["view"],
        "token_id": made.json["id"],
    }
    listed = browser.get("/api/v1/me/tokens")
    assert [token["id"] for token in listed.json] == [made.json["id"]]
    assert "token" not in listed.json[0]
    assert made.json["token"].split("_")[2] not in listed.text


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"rights": ["view", "administer"]}, "/rights"),
        ({"rights": []}, "/rights"),
        ({"rights": ["everything"]}, "/rights/0"),
        ({"name": "  "}, "/name"),
        ({"days": 0}, "/days"),
        ({"days": 367}, "/days"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_a_token_that_will_not_do_is_refused_naming_the_field(
    signed_in: SignedIn, wrong: dict[str, object], pointer: str
) -> None:
    browser = signed_in(Role.OPERATOR)
    proof = {"X-CSRF-Token": browser.csrf_token()}

    answer = browser.client.post("/api/v1/me/tokens", json={"name": "a", "rights": ["view"], **wrong}, headers=proof)

    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert [fault["pointer"] for fault in answer.json["errors"]] == [pointer]
    assert db.session.scalars(select(ApiToken)).all() == []


def test_a_token_loses_what_its_account_loses(client: FlaskClient, person: Person) -> None:
    account = person(Role.VIEWER, Role.OPERATOR, username="amina")
    token = issue("amina", Right.VIEW, Right.OPERATE)
    with transaction():
        service.revoke_role(account.id, Role.OPERATOR)

    assert me(client, token).json["rights"] == ["view"]


def test_a_token_gets_in_only_where_its_rights_say_though_its_account_might(
    app: Flask, person: Person, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    person(Role.ADMINISTRATOR, username="amina")
    limited, full = issue("amina", Right.VIEW), issue("amina", Right.ADMINISTER)

    def nothing() -> str:
        return "let in"

    nothing.admits = Right.ADMINISTER  # type: ignore[attr-defined]
    monkeypatch.setitem(app.view_functions, "accounts_api.me", nothing)

    assert me(client, limited).status_code == 403
    assert me(client, full).text == "let in"


@pytest.mark.parametrize("change", ["expires_at = now()", "revoked_at = now()", "secret_hash = '\\x00'"])
def test_a_token_that_is_expired_revoked_or_replaced_is_refused(
    client: FlaskClient, person: Person, change: str
) -> None:
    person(Role.VIEWER, username="amina")
    token = issue("amina", Right.VIEW)
    with transaction():
        db.session.execute(text(f"UPDATE api_token SET {change}"))

    answer = me(client, token)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.content_type == "application/problem+json"


def test_a_revoked_token_opens_nothing_any_more(signed_in: SignedIn, client: FlaskClient) -> None:
    browser = signed_in(Role.VIEWER, username="amina")
    token = issue("amina", Right.VIEW)
    address = f"/api/v1/me/tokens/{token.split('_')[1]}"
    proof = {"X-CSRF-Token": browser.csrf_token()}
    assert me(client, token).status_code == 200

    assert browser.client.delete(address, headers=proof).status_code == 204

    assert me(client, token).status_code == 401
    assert browser.client.delete(address, headers=proof).status_code == 404


def test_dry_runs_make_and_revoke_no_token(signed_in: SignedIn, client: FlaskClient) -> None:
    browser = signed_in(Role.OPERATOR, username="amina")
    token = issue("amina", Right.VIEW)
    proof = {"X-CSRF-Token": browser.csrf_token()}
    wanted = {"name": "script", "rights": ["view"]}

    made = browser.client.post("/api/v1/me/tokens?dry_run=true", json=wanted, headers=proof)
    revoked = browser.client.delete(f"/api/v1/me/tokens/{token.split('_')[1]}?dry_run=true", headers=proof)

    assert (made.status_code, made.json["name"], "token" in made.json, revoked.status_code) == (
        200, "script", False, 204,
    )  # fmt: skip
    assert me(client, token).status_code == 200
    assert len(browser.get("/api/v1/me/tokens").json) == 1


def test_nobody_revokes_the_token_of_somebody_else(signed_in: SignedIn, person: Person, client: FlaskClient) -> None:
    person(Role.VIEWER, username="amina")
    token = issue("amina", Right.VIEW)
    browser = signed_in(Role.ADMINISTRATOR)
    proof = {"X-CSRF-Token": browser.csrf_token()}

    assert browser.client.delete(f"/api/v1/me/tokens/{token.split('_')[1]}", headers=proof).status_code == 404
    assert me(client, token).status_code == 200


def test_a_mistyped_token_another_scheme_and_nonsense_are_refused(client: FlaskClient, person: Person) -> None:
    person(Role.VIEWER, username="amina")
    token = issue("amina", Right.VIEW)

    for wrong in (token[:-1] + ("0" if token[-1] != "0" else "1"), token.replace("prv", "xyz"), "", "prv___", "é"):
        assert me(client, wrong).status_code == 401
    assert me(client, token, scheme="Basic").status_code == 401


def test_a_wrong_token_is_refused_even_with_a_good_cookie(signed_in: SignedIn) -> None:
    assert me(signed_in(Role.VIEWER).client, "prv_nonsense").status_code == 401


def test_a_token_opens_no_pages_and_makes_no_tokens(client: FlaskClient, person: Person) -> None:
    person(Role.VIEWER, username="amina")
    token = {"Authorization": f"Bearer {issue('amina', Right.VIEW)}"}

    assert client.get("/account", headers=token).location == "/login?next=/account"
    refused = client.post("/api/v1/me/tokens", headers=token, json={"name": "another", "rights": ["view"]})
    assert (refused.status_code, refused.json["code"]) == (403, "not-allowed")


def test_writing_with_a_token_needs_no_proof_of_a_form(client: FlaskClient, person: Person) -> None:
    person(Role.VIEWER, username="amina")
    token = issue("amina", Right.VIEW)

    gone = client.delete(f"/api/v1/me/tokens/{token.split('_')[1]}", headers={"Authorization": f"Bearer {token}"})

    assert gone.status_code == 204


def test_the_last_use_is_written_at_most_once_a_minute(client: FlaskClient, person: Person) -> None:
    person(Role.VIEWER, username="amina")
    token = issue("amina", Right.VIEW)
    used = select(ApiToken.used_at)
    assert db.session.scalar(used) is None
    me(client, token)
    first = db.session.scalar(used)
    me(client, token)
    assert db.session.scalar(used) == first

    with transaction():
        db.session.execute(text("UPDATE api_token SET used_at = used_at - interval '2 minutes'"))
    me(client, token)

    assert db.session.scalar(used) > first  # type: ignore[operator]
