"""The building blocks of pages."""

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

Render = Callable[..., str]
ROOT = Path(__file__).parents[2]
FIELD = '{% from "components/forms.html" import field %}{{ field(parameter, value, errors, "settings.x") }}'
TEXT = {"name": "x", "type": "str", "label": {"ar": "عنوان", "fr": "Titre", "en": "Title"}}


class Elements(HTMLParser):
    """The elements of a piece of a page: tag and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def one(self, tag: str) -> dict[str, str | None]:
        (only,) = [attributes for name, attributes in self.found if name == tag]
        return only


@pytest.mark.parametrize(
    ("parameter", "tag", "attributes"),
    [
        (TEXT | {"max_length": 80}, "input", {"type": "text", "dir": "auto", "maxlength": "80", "value": "given"}),
        (TEXT | {"max_length": 500}, "textarea", {"dir": "auto"}),
        (TEXT | {"type": "int", "minimum": 1, "maximum": 9}, "input", {"type": "number", "min": "1", "max": "9"}),
        (TEXT | {"type": "bool"}, "input", {"type": "checkbox", "checked": None}),
        (TEXT | {"choices": ["given", "other"]}, "select", {}),
    ],
)
def test_a_parameter_becomes_the_control_of_its_type(
    render: Render, parameter: dict[str, object], tag: str, attributes: dict[str, str | None]
):
    control = Elements(render(FIELD, parameter=parameter, value="given", errors=[])).one(tag)

    assert control["name"] == control["id"] == "settings.x"
    assert {name: control.get(name) for name in attributes} == attributes


def test_a_refused_field_says_why_and_is_bound_to_its_reasons(render: Render):
    parameter = TEXT | {"required": True, "help": {"ar": "", "fr": "", "en": "On every page."}}
    page = render(FIELD, parameter=parameter, value="<b>", errors=["Not a valid string."])
    control = Elements(page).one("input")

    assert control["value"] == "<b>"
    assert control["aria-describedby"] == "settings.x-errors settings.x-help"
    assert control["aria-invalid"] == "true"
    assert "required" in control
    assert "Not a valid string." in page
    assert "On every page." in page


def test_the_choices_of_a_parameter_have_words_in_the_reader_s_language(render: Render):
    labels = {"ar": {"fr": "Arabe"}, "fr": {"fr": "Français"}}
    parameter = TEXT | {"choices": ["ar", "fr"], "choice_labels": labels, "required": True, "default": "fr"}
    page = render(FIELD, "fr", parameter=parameter, value=None, errors=[])

    assert '<option value="ar">Arabe</option>' in page
    assert '<option value="fr" selected>Français</option>' in page


def test_a_destructive_action_names_what_it_destroys_without_trusting_the_name(render: Render):
    source = '{% from "components/forms.html" import confirm %}{{ confirm("/x", "Remove", "It goes.", name) }}'
    page = render(source, name="<script>")

    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert 'value="a-token"' in page


def test_a_page_frame_loads_the_sheet_of_its_direction_and_nothing_from_elsewhere(render: Render):
    page = Elements(render('{% extends "layout/base.html" %}{% block title %}x{% endblock %}', "ar"))
    addresses = [each.get("href") or each.get("src") for _, each in page.found if each.get("href") or each.get("src")]

    assert page.one("html") == {"lang": "ar", "dir": "rtl"}
    assert "/static/vendor/bootstrap.rtl.min.css" in addresses
    assert [address for address in addresses if address and not address.startswith(("/", "#"))] == []


def test_the_section_that_is_read_is_marked(render: Render):
    page = Elements(render('{% extends "layout/base.html" %}', path="/jobs/1"))

    assert [each["href"] for _, each in page.found if each.get("aria-current") == "page"] == ["/jobs"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418, 422, 429, 500, 503])
def test_a_problem_says_what_happened_and_offers_a_way_out(render: Render, status: int):
    page = render('{% include "errors/problem.html" %}', status=status, detail="<b>Busy.", errors=[])

    assert "&lt;b&gt;Busy." in page
    assert 'href="/"' in page


def test_templates_hold_no_style_and_no_script_of_their_own():
    for template in (ROOT / "templates").rglob("*.html"):
        elements = Elements(template.read_text()).found
        inline = [
            tag for tag, each in elements if tag == "style" or any(name.startswith(("on", "style")) for name in each)
        ]
        scripts = [each for tag, each in elements if tag == "script" and "src" not in each]

        assert (template.name, inline, scripts) == (template.name, [], [])
