"""Wishes to prepare a server, and the attempts that carry them out."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from provisioner.accounts.policy import Role
from provisioner.db import Json, transaction
from provisioner.estate import preparing
from provisioner.estate.preparing import Attempt
from provisioner.hosts import service as hosts
from provisioner.hosts.models import Connection
from provisioner.hosts.service import Registration
from tests import factories
from tests.factories import Api
from tests.visitors import Visitor

REPORT = {"facts": {"root": "/srv/new"}, "capacity": {"memory_mb": 1000, "disk_mb": 1000}}


@pytest.fixture
def api(app: Flask) -> Api:
    with transaction():
        hosts.register(Registration("bare", "127.0.0.2", Connection.SSH, factories.SITE, 3000, 3001, facts={}))
    return Api(app, Role.ADMINISTRATOR)


def wished(api: Api, root: str) -> Any:
    answer = api.post("/hosts/bare/preparation", json={"root": root, "reason": "new"})
    assert answer.status_code == 202, answer.text
    return answer.json


def begun() -> Attempt | None:
    with transaction() as session:
        attempt = preparing.begin([factories.SITE])
        if attempt:
            session.flush()
            session.expunge(attempt.host)
    return attempt


def ended(attempt: Attempt | None, report: Json = REPORT, *, succeeded: bool = True) -> None:
    assert attempt
    with transaction():
        preparing.end(attempt, report, "its last words", succeeded=succeeded)


def state(api: Api) -> Any:
    return api.get("/hosts/bare/preparation").json


def test_a_wish_that_comes_while_a_server_is_prepared_is_carried_out_afterwards(api: Api) -> None:
    wished(api, "/srv/old")
    first = begun()
    wished(api, "/srv/new")
    assert (begun(), preparing.sites_due()) == (None, [])  # nobody else is at it meanwhile

    ended(first, succeeded=False)
    between = state(api)
    second = begun()
    ended(second)

    assert (between["ended_at"], between["failure"]) == (None, None)
    assert (second and second.wish["root"], state(api)["failure"], begun()) == ("/srv/new", None, None)
    assert state(api)["ended_at"] is not None


def test_who_comes_to_an_end_too_late_says_nothing_of_the_attempt_that_began_since(api: Api) -> None:
    wished(api, "/srv/new")
    first = begun()
    with transaction() as session:
        long_ago = "due_at = due_at - interval '1 hour', began_at = began_at - interval '1 hour'"
        session.execute(text(f"UPDATE preparation SET {long_ago}"))
    second = begun()

    ended(first, succeeded=False)
    between = state(api)
    ended(second)

    assert (between["ended_at"], between["failure"]) == (None, None)
    assert state(api)["ended_at"] is not None


def test_what_failed_says_why_and_can_be_wished_for_again(api: Api) -> None:
    wished(api, "/srv/new")
    ended(begun(), {}, succeeded=False)
    assert (state(api)["failure"], begun()) == ("its last words", None)

    wished(api, "/srv/new")

    assert state(api)["failure"] is None
    assert begun()


HTTPS = {"certificate": "/etc/apps.pem", "key": "/etc/apps.key", "acme": "/var/lib/acme"}


def asked(api: Api, **wish: Any) -> Json:
    """What the playbook is told once this has been wished for."""
    assert api.post("/hosts/bare/preparation", json={"reason": "again", **wish}).status_code == 202
    attempt = begun()
    ended(attempt)
    assert attempt
    told: Json = preparing.told(attempt.wish)["prepare"]
    return told


def test_what_is_left_out_of_a_wish_stays_as_it_was_but_for_installing(api: Api) -> None:
    first = asked(api, root="/srv/apps", install=True, **HTTPS)
    again = asked(api, certificates="/etc/certificates")

    assert (first["root"], first["install"], first["certificates"]) == ("/srv/apps", True, None)
    assert again == first | {"install": False, "certificates": "/etc/certificates"}


def test_the_page_shows_the_wish_and_an_empty_field_is_none(app: Flask, api: Api) -> None:
    asked(api, **HTTPS)
    visitor = Visitor(app, Role.ADMINISTRATOR)
    page = visitor.get("/hosts/bare").text
    fields = dict.fromkeys((*HTTPS, "certificates"), "")
    visitor.post("/hosts/bare/preparation", reason="without HTTPS", **fields)
    wish = state(api)

    assert all(f'value="{place}"' in page for place in HTTPS.values())
    assert wish["ended_at"] is None
    attempt = begun()
    assert attempt
    assert {attempt.wish[name] for name in fields} == {None}


@pytest.mark.parametrize("wish", [{"certificate": "/etc/apps.pem"}, {"certificate": "/etc/apps.pem", "key": None}])
def test_a_certificate_without_its_key_is_refused(api: Api, wish: Json) -> None:
    refused = api.post("/hosts/bare/preparation", json={"reason": "half", **wish})

    assert refused.status_code == 422
    assert begun() is None
