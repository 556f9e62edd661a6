"""Secrets in whatever form a run may show them."""

import base64
import html
import json
import re
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
import yaml
from hypothesis import given, strategies as st

from provisioner.jobs.redaction import HIDDEN, LONG, Redactor

SECRETS = ["sup3rsecretvalue", "p&ss w\"o'rd\\<né>/+=%~", "كلمة السر الطويلة", "line one\nline two"]


def basic(secret: str) -> str:
    return base64.b64encode(f"admin:{secret}@host".encode()).decode()


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": json.dumps,
    "json with letters": lambda secret: json.dumps(secret, ensure_ascii=False),
    "json in json": lambda secret: json.dumps({"stdout": json.dumps({"password": secret})}),
    "python": repr,
    "shell": shlex.quote,
    "html": html.escape,
    "address": lambda secret: f"https://u:{quote(secret, safe='')}@host/",
    "form": quote_plus,
    "lower-case address": lambda secret: re.sub("%..", lambda found: found[0].lower(), quote(secret, safe="")),
    "yaml": lambda secret: yaml.safe_dump({"password": secret}, default_style="'", width=1000, allow_unicode=True),
    "hex": lambda secret: secret.encode().hex(),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64url": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "basic authentication": basic,
}


@pytest.mark.parametrize("secret", SECRETS[:3])
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_hidden_in_every_form(secret: str, form: str) -> None:
    shown = Redactor([secret])(f"before {FORMS[form](secret)} after")

    assert HIDDEN in shown
    assert not any(secret[start : start + 6] in shown for start in range(len(secret) - 5))


def test_a_secret_of_several_lines_is_hidden() -> None:
    assert Redactor(SECRETS)(f"a {SECRETS[3]} b") == f"a {HIDDEN} b"


@given(st.binary(max_size=5), st.binary(min_size=6, max_size=30), st.binary(max_size=5))
def test_whatever_stands_around_it_little_of_a_secret_remains_in_base64(
    before: bytes, secret: bytes, after: bytes
) -> None:
    text = secret.hex()  # any secret of letters and digits

    shown = Redactor([text])(base64.b64encode(before + text.encode() + after).decode())

    left = base64.b64decode(shown.split(HIDDEN)[0] + "A" * (-len(shown.split(HIDDEN)[0]) % 4))
    assert HIDDEN in shown
    assert text[:2].encode() not in left[len(before) :]


def test_half_a_secret_at_the_end_of_a_text_that_was_cut_is_hidden() -> None:
    cut = "x" * LONG + SECRETS[0][:10]

    assert Redactor(SECRETS)(cut) == "x" * LONG + HIDDEN


def test_keys_lists_and_deep_places_are_searched_and_other_things_stay() -> None:
    said = {SECRETS[0]: [1, None, {"a": (SECRETS[0])}], "b": "ordinary"}

    assert Redactor(SECRETS)(said) == {HIDDEN: [1, None, {"a": HIDDEN}], "b": "ordinary"}


def test_short_values_are_left_for_they_are_parts_of_words() -> None:
    assert Redactor(["short"])("a short text") == "a short text"
