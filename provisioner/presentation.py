"""How pages speak: the reader's language and its direction, dates, numbers, and words for the values of the domain."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import pytz
from babel import Locale
from babel.units import format_unit
from flask import Blueprint, Flask, g, has_request_context, redirect, request
from flask_babel import Babel, format_date, format_datetime, format_decimal, format_percent, get_locale, gettext
from jinja2 import StrictUndefined, pass_context
from jinja2.runtime import Context
from werkzeug.wrappers import Response

from provisioner.config import settings
from provisioner.labels import LABELS

LANGUAGES = {"ar": "العربية", "fr": "Français", "en": "English"}
LOCALES = {"ar": "ar_MA", "fr": "fr_MA", "en": "en_GB"}  # Moroccan months, Western digits, and 24 hours in English too
MOMENTS = {"ar": "d MMM y، HH:mm", "fr": "d MMM y 'à' HH:mm", "en": "d MMM y, HH:mm"}
DEFAULT = "fr"
COOKIE = "language"
# Of pytz as Flask-Babel's, and not of the machine: governments change these rules within weeks, and what is shown and
# what is asked for must mean the same.
MOROCCO = pytz.timezone("Africa/Casablanca")
A_YEAR = 365 * 24 * 60 * 60

blp = Blueprint("language", __name__)


class Text(NamedTuple):
    language: str
    text: str


def init_languages(app: Flask) -> None:
    """What texts need: of pages, of answers, and of the command line, which speaks English."""
    Babel(
        app,
        default_locale=LOCALES[DEFAULT],
        default_timezone=MOROCCO.zone,
        default_translation_directories=str(Path(__file__).with_name("translations")),
        locale_selector=lambda: LOCALES[chosen_language()],
    )


def init_presentation(app: Flask) -> None:
    init_languages(app)
    app.register_blueprint(blp)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(LANGUAGES=LANGUAGES, language=language, direction=direction)
    app.jinja_env.filters.update({name: _at_render_time(each) for name, each in FILTERS.items()})


def _at_render_time(each: Callable[..., Any]) -> Callable[..., Any]:
    """Otherwise Jinja filters a constant once, when it compiles the page, in whichever language that happens."""

    @pass_context
    @wraps(each)
    def filtered(_context: Context, *args: Any, **kwargs: Any) -> Any:
        return each(*args, **kwargs)

    return filtered


def chosen_language() -> str:
    """What this browser was told, else what the account says (`g.language`), else what the browser asks for."""
    if not has_request_context():
        return "en"  # the command line
    for wanted in (request.cookies.get(COOKIE), g.get("language")):
        if wanted in LANGUAGES:
            return str(wanted)
    return request.accept_languages.best_match(LANGUAGES) or DEFAULT


def language() -> str:
    """The language of the answer being written: ar, fr or en."""
    locale = get_locale()
    return locale.language if locale else DEFAULT


def direction() -> str:
    return "rtl" if language() == "ar" else "ltr"


@blp.post("/language")
def choose() -> Response:
    """Remember the language in this browser and go back to the page."""
    answer = redirect(_own_address(request.form.get("next", "")), 303)
    wanted = request.form.get("language", "")
    if wanted in LANGUAGES:
        secure = not settings().insecure_cookie
        answer.set_cookie(COOKIE, wanted, max_age=A_YEAR, secure=secure, httponly=True, samesite="Lax")
    return answer


def _own_address(address: str) -> str:
    """Only a path of ours: anything else would turn the switch into an open redirect."""
    return address if re.fullmatch(r"/(?![/\\])[^\x00-\x20\x7f\\]*", address) else "/"


def format_moment(at: datetime) -> str:
    """Date and time in Morocco."""
    return str(format_datetime(at, MOMENTS[language()]))


def format_clock(at: datetime) -> str:
    """The time of the day in Morocco, to the second."""
    return str(format_datetime(at, "HH:mm:ss"))


def format_hour(at: datetime) -> str:
    """The time of the day in Morocco, to the minute."""
    return str(format_datetime(at, "HH:mm"))


def format_utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def format_day(day: date) -> str:
    return str(format_date(day, "long"))


def format_country(code: str) -> str:
    """The reader's name for a country, by its ISO code."""
    return str(Locale.parse(LOCALES[language()]).territories.get(code, code))


class Country(str):
    """A country by its ISO code; a sentence that it stands in calls it by the reader's name for it."""

    __slots__ = ()

    def __str__(self) -> str:
        return format_country(self[:])


def format_duration(seconds: float) -> str:
    """The two largest units that say how long something took: 45 s, 3 min 20 s, 2 h 5 min."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = {"hour": hours, "minute": minutes, "second": 0 if hours else rest}
    shown = {unit: count for unit, count in parts.items() if count} or {"second": 0}
    return " ".join(
        format_unit(count, f"duration-{unit}", "short", locale=get_locale()) for unit, count in shown.items()
    )


def label(value: str, group: str) -> str:
    """The reader's word for a value of the domain; an unknown one is shown as it is."""
    return str(LABELS[group].get(value, value))


def labelled(values: Iterable[str], group: str) -> list[tuple[str, str]]:
    """Values of the domain with the reader's words for them, to choose from."""
    return [(value, label(value, group)) for value in values]


def text_for_reader(texts: Mapping[str, str]) -> Text:
    """The text in the reader's language, or the first there is: French, Arabic, English, any other."""
    for wanted in (language(), DEFAULT, *LANGUAGES, *texts):
        if texts.get(wanted):
            return Text(wanted, texts[wanted])
    return Text(language(), "")


def localised(texts: Mapping[str, str]) -> str:
    return text_for_reader(texts).text


def choices(parameter: Mapping[str, Any]) -> list[tuple[Any, str]]:
    """What a parameter can be, each with the reader's word for it."""
    texts = parameter.get("choice_labels") or {}
    return [(each, localised(texts.get(str(each), {})) or str(each)) for each in parameter["choices"]]


FILTERS: dict[str, Callable[..., Any]] = {
    "moment": format_moment,
    "clock": format_clock,
    "hour": format_hour,
    "utc": format_utc,
    "day": format_day,
    "number": format_decimal,
    "percent": format_percent,
    "country": format_country,
    "duration": format_duration,
    "label": label,
    "labelled": labelled,
    "localised": localised,
    "choices": choices,
    "text_for_reader": text_for_reader,
    "translated": gettext,
}
