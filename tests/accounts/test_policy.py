"""Every door says whom it is for, and lets in nobody else."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from flask import Flask
from werkzeug.routing import AnyConverter, BaseConverter, IntegerConverter, Rule, UUIDConverter

from provisioner.accounts.doors import For, admits
from provisioner.accounts.policy import RIGHTS, Right, Role
from tests.accounts.conftest import Browser, SignedIn

WRITES = {"POST", "PUT", "PATCH", "DELETE"}
READING_RIGHTS = {Right.VIEW, Right.AUDIT}


def doors(app: Flask) -> Iterator[tuple[str, str, Right | For | None]]:
    """Method, address and admission of every route."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, address(app, rule, method), admits(rule.endpoint)


def address(app: Flask, rule: Rule, method: str) -> str:
    values = {name: example(rule._converters[name]) for name in rule.arguments}
    return app.url_map.bind("localhost").build(rule.endpoint, values, method)


def example(converter: BaseConverter) -> object:
    if isinstance(converter, AnyConverter):
        return min(converter.items)
    examples: dict[type, object] = {UUIDConverter: UUID(int=1), IntegerConverter: 1}
    return examples.get(type(converter), "x")


@pytest.fixture
def without_rooms(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The same doors with nothing behind them."""
    for endpoint in app.view_functions:

        def nothing(**_: object) -> tuple[str, int]:
            return "let in", 299

        nothing.admits = admits(endpoint)  # type: ignore[attr-defined]
        monkeypatch.setitem(app.view_functions, endpoint, nothing)
    return app


def gets_in(browser: Browser, method: str, where: str, csrf_token: str) -> bool:
    answer = browser.client.open(where, method=method, headers={"X-CSRF-Token": csrf_token})
    assert answer.status_code in {299, 303, 401, 403}, f"{method} {where}"
    return answer.status_code == 299


def test_every_route_says_whom_it_is_for(app: Flask) -> None:
    assert [where for _, where, whom in doors(app) if whom is None] == []


def test_no_writing_door_is_open_to_those_who_may_only_read(app: Flask) -> None:
    assert [where for method, where, whom in doors(app) if method in WRITES and whom in READING_RIGHTS] == []


@pytest.mark.parametrize("role", Role)
def test_each_role_gets_in_where_its_rights_say_and_nowhere_else(
    app: Flask, signed_in: SignedIn, role: Role, request: pytest.FixtureRequest
) -> None:
    browser = signed_in(role)
    token = browser.csrf_token()
    request.getfixturevalue("without_rooms")

    for method, where, whom in doors(app):
        allowed = isinstance(whom, For) or whom in RIGHTS[role]
        assert gets_in(browser, method, where, token) == allowed, f"{role}: {method} {where}"


def test_without_signing_in_only_the_open_doors_let_in(
    app: Flask, browser: Browser, request: pytest.FixtureRequest
) -> None:
    token = browser.csrf_token()
    request.getfixturevalue("without_rooms")

    for method, where, whom in doors(app):
        assert gets_in(browser, method, where, token) == (whom is For.EVERYONE), f"{method} {where}"


def test_a_person_without_a_role_gets_no_further_than_their_own_account(
    app: Flask, signed_in: SignedIn, request: pytest.FixtureRequest
) -> None:
    browser = signed_in()
    token = browser.csrf_token()
    request.getfixturevalue("without_rooms")

    for method, where, whom in doors(app):
        assert gets_in(browser, method, where, token) == isinstance(whom, For), f"{method} {where}"


def test_a_view_that_says_nothing_lets_nobody_in(
    app: Flask, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = signed_in(Role.ADMINISTRATOR)
    monkeypatch.setitem(app.view_functions, "accounts.everybody", lambda: "everybody")

    assert browser.get("/accounts").status_code == 403


def test_an_auditor_reads_and_does_not_write() -> None:
    assert RIGHTS[Role.AUDITOR] == READING_RIGHTS
