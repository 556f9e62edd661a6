"""People for the tests of this room, and the browsers they sit at."""

import re
from collections.abc import Callable, Iterator
from contextvars import Context
from functools import partial
from itertools import count
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from provisioner.accounts import passwords, service
from provisioner.accounts.models import Account
from provisioner.accounts.policy import Role
from provisioner.accounts.service import NewAccount
from provisioner.db import db, transaction

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="session", autouse=True)
def _quick_hashes() -> Iterator[None]:
    """The same algorithm at a hundredth of its cost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        passwords._nobodys.cache_clear()
        yield
    passwords._nobodys.cache_clear()


class Outside(FlaskClient):
    """Each request in a context of its own, as behind a real server; afterwards the test sees what was committed."""

    def open(self, *args: Any, buffered: bool = True, **more: Any) -> TestResponse:
        answer = Context().run(partial(super().open, *args, buffered=buffered, **more))
        db.session.rollback()
        return answer


@pytest.fixture(autouse=True)
def _from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flask, "test_client_class", Outside)


class Browser:
    """A browser that keeps cookies and fills in the hidden field of our forms."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.get = client.get

    def csrf_token(self, page: str = "/login") -> str:
        found = re.search(r'name="csrf_token" value="(\w+)"', self.get(page).text)
        assert found, "the page has no form"
        return found[1]

    def post(self, address: str, **fields: object) -> TestResponse:
        return self.client.post(address, data={"csrf_token": self.csrf_token(), **fields})

    def sign_in(self, username: str, password: str = PASSWORD, **more: str) -> TestResponse:
        return self.post("/login", username=username, password=password, **more)


@pytest.fixture
def browser(client: FlaskClient) -> Browser:
    """A browser nobody has signed in with."""
    return Browser(client)


Person = Callable[..., Account]
SignedIn = Callable[..., Browser]


@pytest.fixture
def person(app: Flask) -> Person:
    """Makes accounts: person(Role.VIEWER) or person(username="amina")."""
    numbers = count(1)

    def make(*roles: Role, username: str = "") -> Account:
        username = username or f"person{next(numbers)}"
        with transaction():
            return service.create_account(NewAccount(username, "Amina", PASSWORD, roles=frozenset(roles)))

    return make


@pytest.fixture
def signed_in(app: Flask, person: Person) -> SignedIn:
    """Browsers of people who have signed in: signed_in(Role.VIEWER) or signed_in(username="amina")."""

    def make(*roles: Role, username: str = "") -> Browser:
        account = person(*roles, username=username)
        browser = Browser(app.test_client())
        assert browser.sign_in(account.identity.username).status_code == 303
        return browser

    return make
