"""A text to comment on: its page at the root, Isso below /isso."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from isso import config, make_app
from werkzeug import Request, Response
from werkzeug.exceptions import Forbidden, NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.shared_data import SharedDataMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HOME = Path(__file__).resolve().parent.parent
THREAD = "/"  # what Isso calls the one text that is commented on
CONTENT_SECURITY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
# By these a visitor would tell Isso that it stands elsewhere, and get past the guard below.
PLACES = ("HTTP_X_SCRIPT_NAME", "HTTP_X_FORWARDED_PREFIX")


def written(name: str) -> Any:
    return json.loads((HOME / name).read_text(encoding="utf-8"))


FACTS = written("facts.json")
SETTINGS = FACTS["parameters"]


def configured() -> config.IssoParser:
    """Isso's defaults, what this instance's settings say, and the password of its moderators."""
    whole = config.load(config.default_file())
    for section, options in written("isso.json").items():
        for option, value in options.items():
            whole.set(section, option, str(value))
    whole.set("admin", "password", (HOME / "secrets/admin_password").read_text(encoding="utf-8"))
    return whole


def rendered() -> str:
    texts = {name: escape(str(value)) for name, value in (FACTS | SETTINGS).items()}
    page = Template((HOME / "pages/index.html").read_text(encoding="utf-8"))
    return page.substitute(texts, state="open" if SETTINGS["open"] else "closed")


PAGE = rendered()


@Request.application
def page(asked: Request) -> Response:
    if asked.path != "/":
        raise NotFound
    return Response(PAGE, mimetype="text/html", headers={"Content-Security-Policy": CONTENT_SECURITY})


def guarded(isso: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Isso would open a thread for any address that it is told, and it knows no end of a consultation."""

    def ask(environ: dict[str, Any], begin: Callable[..., Any]) -> Iterable[bytes]:
        for name in PLACES:
            environ.pop(name, None)
        asked = Request(environ)
        new = asked.method == "POST" and asked.path == "/new"
        if new and not (SETTINGS["open"] and asked.args.getlist("uri") == [THREAD]):
            return Forbidden("No comment is taken here.")(environ, begin)
        return isso(environ, begin)

    return ask


app = DispatcherMiddleware(
    SharedDataMiddleware(page, {"/static": str(HOME / "static")}), {"/isso": guarded(make_app(configured()))}
)
