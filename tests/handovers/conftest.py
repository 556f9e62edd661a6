"""An instance whose first password is to be handed over, and a receiver without an account."""

import re
from contextvars import Context
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from provisioner.accounts.policy import Role
from provisioner.db import db, transaction
from provisioner.handovers import service
from provisioner.instances import secrets
from provisioner.instances.models import Instance
from tests import factories
from tests.factories import Api


class Receiver:
    """A browser of somebody whom the service does not know."""

    def __init__(self, app: Flask, language: str = "en", address: str = "192.0.2.7") -> None:
        self._client = app.test_client()
        self._client.set_cookie("language", language)
        self._address = address

    def call(self, method: str, address: str, **more: Any) -> TestResponse:
        """Each call in a context of its own, as behind a real server; afterwards the test sees what was committed."""
        where = {"REMOTE_ADDR": self._address}
        calling = partial(self._client.open, address, method=method, buffered=True, environ_overrides=where, **more)
        answer = Context().run(calling)
        db.session.rollback()
        return answer

    def get(self, address: str) -> TestResponse:
        return self.call("GET", address)

    def open(self, address: str) -> TestResponse:
        """Look at the page of the link, and press its button."""
        form = r'<form method="post" action="(/handover/[^"]+)".*?name="csrf_token" value="(\w+)"'
        found = re.search(form, self.get(address).text)
        assert found, "the page has no button"
        return self.call("POST", found[1], data={"csrf_token": found[2]})


@pytest.fixture
def instance(app: Flask) -> Instance:
    factories.host()
    factories.app()
    return factories.instance(factories.administration("commune-a", ar="جماعة أ"), release="1.0")


@pytest.fixture
def value(instance: Instance) -> str:
    """What the receiver is to see."""
    return secrets.opened([instance.id])[instance.id].secrets["admin_password"]


@pytest.fixture
def receiver(app: Flask) -> Receiver:
    return Receiver(app)


@pytest.fixture
def api(app: Flask) -> Api:
    return Api(app, Role.OPERATOR)


def made(instance: Instance) -> str:
    """The path of a new link."""
    with transaction():
        _, token = service.create(instance.id, "admin_password", "For Amina, first officer")
    return f"/handover/{token}"


def changed(statement: str) -> None:
    with transaction() as session:
        session.execute(text(statement))
