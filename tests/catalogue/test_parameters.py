"""Values for an app's parameters: what fits is taken in its type, everything else is refused, all at once."""

from typing import Any

import pytest

from provisioner.catalogue.parameters import LONGEST, validated
from provisioner.errors import Invalid

PARAMETERS: list[dict[str, Any]] = [
    {"name": "title", "type": "str", "required": True, "max_length": 10},
    {"name": "code", "type": "str", "pattern": "[a-z]+"},
    {"name": "days", "type": "int", "default": 30, "minimum": 1, "maximum": 90},
    {"name": "theme", "type": "str", "choices": ["light", "dark"], "default": "light"},
    {"name": "open", "type": "bool", "default": False},
]


def faults(**given: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        validated(PARAMETERS, {"title": "fine", **given})
    return {fault["pointer"]: fault["detail"] for fault in refused.value.errors}


def test_defaults_stand_in_for_what_is_not_given() -> None:
    assert validated(PARAMETERS, {"title": "Hello"}) == {"title": "Hello", "days": 30, "theme": "light", "open": False}


def test_what_a_form_or_a_command_sends_as_text_gets_its_type() -> None:
    given = {"title": "Hello", "days": "7", "open": "on", "code": "abc", "theme": "dark"}

    assert validated(PARAMETERS, given) == {"title": "Hello", "code": "abc", "days": 7, "theme": "dark", "open": True}


def test_an_empty_field_of_a_form_is_not_given() -> None:
    assert validated(PARAMETERS, {"title": "Hello", "code": "", "days": "", "open": ""})["days"] == 30


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("days", "many"),
        ("days", 1.5),
        ("days", True),
        ("days", 0),
        ("days", 91),
        ("days", [7]),
        ("open", "perhaps"),
        ("open", 2),
        ("open", []),
        ("title", 7),
        ("title", "x" * 11),
        ("title", "bell\x07"),
        ("title", "next\x85"),
        ("title", "half \ud83d"),
        ("title", None),
        ("title", ""),
        ("code", "ABC"),
        ("code", "abc\n"),
        ("theme", "pink"),
        ("theme", {"a": 1}),
        ("unknown", "x"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(name: str, value: Any) -> None:
    assert list(faults(**{name: value})) == [f"/settings/{name}"]


def test_every_fault_is_told_at_once() -> None:
    assert set(faults(days=0, theme="pink", unknown=1)) == {"/settings/days", "/settings/theme", "/settings/unknown"}


def test_a_text_without_a_limit_of_its_own_has_one() -> None:
    free = [{"name": "note", "type": "str"}]

    assert validated(free, {"note": "x" * LONGEST})
    with pytest.raises(Invalid):
        validated(free, {"note": "x" * (LONGEST + 1)})


@pytest.mark.parametrize("hostile", ["{{ lookup('pipe', 'id') }}", "$(id)", "'; DROP TABLE app; --", "<script>"])
def test_a_hostile_text_is_kept_as_the_text_it_is(hostile: str) -> None:
    assert validated([{"name": "note", "type": "str"}], {"note": hostile}) == {"note": hostile}


def test_the_lines_of_a_text_end_as_they_do_here_though_browsers_end_them_otherwise() -> None:
    lines = [{"name": "lines", "type": "str", "pattern": "[a-z]+(\n[a-z]+)*"}]

    assert validated(lines, {"lines": "one\r\ntwo"}) == {"lines": "one\ntwo"}
    with pytest.raises(Invalid):
        validated(lines, {"lines": "one\rtwo"})
