"""People at their browsers: signed in, keeping cookies, filling in our forms."""

import re
from contextvars import Context
from functools import partial
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from provisioner.accounts import sign_in
from provisioner.accounts.models import Session
from provisioner.accounts.policy import Role
from provisioner.db import db, transaction
from tests import factories


class Visitor:
    """Somebody with these roles, reading in this language."""

    def __init__(self, app: Flask, *roles: Role, language: str = "en") -> None:
        self.account = factories.account(*roles)
        secret = f"the session of {self.account.id}"
        with transaction() as session:
            session.add(Session(id_hash=sign_in.session_hash(secret), account_id=self.account.id))
        self._client = app.test_client()
        self._client.set_cookie("provisioner", secret)
        self._client.set_cookie("language", language)
        self._token = ""

    def call(self, method: str, address: str, **more: Any) -> TestResponse:
        """Each call in a context of its own, as behind a real server; afterwards the test sees what was committed."""
        answer = Context().run(partial(self._client.open, address, method=method, buffered=True, **more))
        db.session.rollback()
        return answer

    def get(self, address: str, **more: Any) -> TestResponse:
        return self.call("GET", address, **more)

    def post(self, address: str, /, **fields: Any) -> TestResponse:
        """Send a form of ours, its hidden field filled in."""
        if not self._token:
            found = re.search(r'name="csrf_token" value="(\w+)"', self.get("/account").text)
            assert found, "the page has no form"
            self._token = found[1]
        return self.call("POST", address, data={"csrf_token": self._token, **fields})
