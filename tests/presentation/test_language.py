"""Which language a page is written in, and how a reader changes it."""

import pytest
from flask import Flask, g

from provisioner.presentation import chosen_language, direction, language


@pytest.mark.parametrize(
    ("headers", "account", "expected"),
    [
        ({"Cookie": "language=ar", "Accept-Language": "en"}, "fr", "ar"),
        ({"Accept-Language": "en"}, "ar", "ar"),
        ({"Accept-Language": "ar-MA,ar;q=0.9,fr;q=0.8"}, None, "ar"),
        ({"Accept-Language": "de"}, None, "fr"),
        ({"Cookie": "language=xx"}, None, "fr"),
    ],
)
def test_the_browser_decides_before_the_account_and_the_account_before_the_headers(
    app: Flask, headers: dict[str, str], account: str | None, expected: str
):
    with app.test_request_context(headers=headers):
        g.language = account

        assert chosen_language() == expected


def test_arabic_runs_from_right_to_left(app: Flask):
    with app.test_request_context(headers={"Cookie": "language=ar"}):
        assert (language(), direction()) == ("ar", "rtl")


def test_the_command_line_speaks_english(app: Flask):
    with app.app_context():
        assert language() == "en"


def test_choosing_a_language_keeps_it_and_goes_back_to_the_page(app: Flask):
    answer = app.test_client().post("/language", data={"language": "ar", "next": "/instances?q=فاس"})

    assert answer.status_code == 303
    assert answer.location == "/instances?q=%D9%81%D8%A7%D8%B3"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("language=ar;")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize(
    "address", ["https://example.org", "//example.org", "/\\example.org", "/\t/example.org", "", "x"]
)
def test_the_language_switch_leads_nowhere_else(app: Flask, address: str):
    answer = app.test_client().post("/language", data={"language": "ar", "next": address})

    assert answer.location == "/"


def test_an_unknown_language_is_not_remembered(app: Flask):
    answer = app.test_client().post("/language", data={"language": "tlh", "next": "/"})

    assert "Set-Cookie" not in answer.headers
