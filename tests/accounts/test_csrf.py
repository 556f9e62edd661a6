"""Writing needs the proof that the form is ours."""

import pytest
from flask import Flask

from provisioner import config
from provisioner.accounts import queries
from provisioner.accounts.policy import Role
from tests.accounts.conftest import PASSWORD, Browser, Person, SignedIn


def test_a_form_without_the_proof_or_with_that_of_somebody_else_changes_nothing(
    signed_in: SignedIn, app: Flask
) -> None:
    mine, others = signed_in(username="amina"), signed_in(username="karim")
    for proof in ("", "0" * 64, "é", others.csrf_token()):
        answer = mine.client.post("/account/language", data={"csrf_token": proof, "language": "ar"})
        assert answer.status_code == 403

    assert queries.by_username("amina").identity.language == "fr"
    assert mine.post("/account/language", language="ar").status_code == 303
    assert queries.by_username("amina").identity.language == "ar"


def test_the_proof_of_the_time_before_signing_in_does_not_serve_afterwards(browser: Browser, person: Person) -> None:
    person(username="amina")
    before = browser.csrf_token()
    browser.sign_in("amina")

    assert browser.client.post("/logout", data={"csrf_token": before}).status_code == 403


def test_signing_in_needs_the_proof_too(app: Flask, person: Person) -> None:
    person(username="amina")
    proof_of_another_browser = Browser(app.test_client()).csrf_token()
    fields = {"username": "amina", "password": PASSWORD, "csrf_token": proof_of_another_browser}

    assert app.test_client().post("/login", data=fields).status_code == 403


def test_a_program_with_a_cookie_has_to_send_the_header(signed_in: SignedIn) -> None:
    browser = signed_in(Role.VIEWER)
    wanted = {"name": "script", "rights": ["view"]}

    refused = browser.client.post("/api/v1/me/tokens", json=wanted)
    assert (refused.status_code, refused.json["code"]) == (403, "foreign-form")
    proof = browser.csrf_token()
    assert browser.client.post("/api/v1/me/tokens", data={"csrf_token": proof}).status_code == 403
    made = browser.client.post("/api/v1/me/tokens", json=wanted, headers={"X-CSRF-Token": proof})
    assert made.status_code == 201


def test_behind_tls_every_cookie_is_bound_to_our_host(
    app: Flask, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person(username="amina")
    monkeypatch.setenv("PROVISIONER_INSECURE_COOKIE", "0")
    config.settings.cache_clear()
    client = app.test_client()
    try:
        page = client.get("/login", base_url="https://localhost")
        form = {"username": "amina", "password": PASSWORD, "csrf_token": page.text.split('value="')[1].split('"')[0]}
        answer = client.post("/login", data=form, base_url="https://localhost")
        mine = client.get("/account", base_url="https://localhost")
    finally:
        monkeypatch.undo()
        config.settings.cache_clear()

    assert mine.status_code == 200
    for cookie in [*page.headers.getlist("Set-Cookie"), *answer.headers.getlist("Set-Cookie")]:
        assert cookie.startswith("__Host-provisioner")
        assert set(cookie.split("; ")[1:]) == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}
