"""What no database keeps is refused at every door, as clearly as anything else that is wrong."""

from typing import Any

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from tests import factories
from tests.factories import Api
from tests.visitors import Visitor

NUL = [
    "/instances?text=%00",
    "/instances?app=%00",
    "/instances?administration=%00",
    "/instances?administration=hcp:%00",
    "/apps/a%00b",
    "/audit/events?object_id=%00",
]
ENDS_OF_THE_CALENDAR = [
    "9999-12-31",
    "9999-12-31T23:59:59-12:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00%2B14:00",
]
LISTS = ["/instances", "/administrations"]


@pytest.mark.parametrize("address", NUL)
def test_nul_in_an_address_is_refused_by_the_api(app: Flask, address: str) -> None:
    refused = Api(app, Role.ADMINISTRATOR, Role.AUDITOR).get(address)

    assert (refused.status_code, refused.content_type) == (422, "application/problem+json")


@pytest.mark.parametrize("address", ["/instances?text=%00", "/apps/%00", "/requests/new?administration=%00"])
def test_nul_in_an_address_is_refused_by_pages(app: Flask, address: str) -> None:
    refused = Visitor(app, Role.OPERATOR).get(address)

    assert refused.status_code == 422
    assert "cannot be kept" in refused.text


@pytest.mark.parametrize("moment", ENDS_OF_THE_CALENDAR)
@pytest.mark.parametrize("address", LISTS)
def test_a_moment_at_the_end_of_the_calendar_is_no_moment(app: Flask, address: str, moment: str) -> None:
    refused = Api(app, Role.VIEWER).get(f"{address}?as_of={moment}")

    assert (refused.status_code, refused.json["code"]) == (400, "bad-query")
    assert [fault["pointer"] for fault in refused.json["errors"]] == ["/as_of"]
    assert Visitor(app, Role.VIEWER).get(f"{address}?as_of={moment}").status_code == 400


@pytest.mark.parametrize("odd", ["\0", "\ud800"], ids=["nul", "half a character"])
@pytest.mark.parametrize("field", ["reason", "app", "administration", "release", "name of a setting", "setting"])
def test_a_text_that_nothing_can_keep_is_refused_and_leaves_nothing(app: Flask, field: str, odd: str) -> None:
    factories.host()
    factories.app(parameters=({"name": "title", "type": "str"},))
    wish: dict[str, Any] = {"administration": factories.administration("commune-a").slug, "app": "complaints"}
    settings = {"name of a setting": {odd: 1}, "setting": {"title": odd}}
    wish |= {"settings": settings[field]} if field in settings else {field: odd}
    api = Api(app, Role.OPERATOR)
    before = factories.row_counts()

    refused = api.post("/requests", json={"reason": "They asked.", **wish})

    assert (refused.status_code, refused.content_type) == (422, "application/problem+json")
    after = factories.row_counts()
    assert {table for table in after if after[table] != before[table]} <= {"idempotency_key"}


def test_nul_in_the_name_of_who_signs_in_is_refused(app: Flask) -> None:
    refused = Visitor(app).post("/login", username="a\0b", password="x")

    assert refused.status_code == 422
