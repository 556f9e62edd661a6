"""Dates, numbers and texts as their readers expect them."""

from collections.abc import Callable
from datetime import date, datetime

import pytest

Render = Callable[..., str]


@pytest.mark.parametrize(
    ("language", "expected"),
    [("ar", "23 نونبر 2025، 18:05"), ("fr", "23 nov. 2025 à 18:05"), ("en", "23 Nov 2025, 18:05")],
)
def test_moments_are_those_of_morocco_in_western_digits(render: Render, winter: datetime, language: str, expected: str):
    assert render("{{ at | moment }}", language, at=winter) == expected


def test_a_moment_tells_its_utc_time_on_hover(render: Render, winter: datetime):
    shown = render('{% from "components/text.html" import moment %}{{ moment(at) }}', at=winter)

    assert 'title="2025-11-23 17:05:12 UTC"' in shown
    assert 'datetime="2025-11-23T17:05:12+00:00"' in shown


@pytest.mark.parametrize(
    ("language", "expected"), [("ar", "1 غشت 2026"), ("fr", "1 août 2026"), ("en", "1 August 2026")]
)
def test_months_have_their_moroccan_names(render: Render, language: str, expected: str):
    assert render("{{ day | day }}", language, day=date(2026, 8, 1)) == expected


@pytest.mark.parametrize(("language", "expected"), [("ar", "2.020"), ("fr", "2\u202f020"), ("en", "2,020")])
def test_numbers_are_grouped_as_readers_expect(render: Render, language: str, expected: str):
    assert render("{{ 2020 | number }}", language) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0 s"), (0.4, "0 s"), (45, "45 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_a_duration_is_told_in_its_two_largest_units(render: Render, seconds: float, expected: str):
    assert " ".join(render("{{ seconds | duration }}", "fr", seconds=seconds).split()) == expected


def test_a_constant_is_put_into_words_for_each_reader_anew(render: Render):
    source = '{{ "active" | label("state") }} {{ 60 | duration }}'

    assert len({render(source, language) for language in ("ar", "fr", "en")}) == 3


def test_a_text_comes_in_the_reader_s_language_or_the_next_best(render: Render):
    source = "{{ texts | localised }}"

    assert render(source, "ar", texts={"ar": "جماعة", "fr": "Commune"}) == "جماعة"
    assert render(source, "en", texts={"ar": "جماعة", "fr": "Commune", "en": ""}) == "Commune"
    assert render(source, "en", texts={"zgh": "ⵜⴰⵖⵔⵎⴰ"}) == "ⵜⴰⵖⵔⵎⴰ"
    assert not render(source, "en", texts={})


def test_a_name_in_another_script_says_its_language_and_is_isolated(render: Render):
    shown = render('{% from "components/text.html" import name %}{{ name(texts) }}', "fr", texts={"ar": "<فاس>"})

    assert shown == '<bdi lang="ar" dir="auto">&lt;فاس&gt;</bdi>'
