"""What browsers send and keep: forms, the cookie of the session, and the proof that a form came from our own page.

The proof (CSRF) is derived from a secret cookie: that of the session or, before anybody has signed in, one made for
the form.
"""

import hashlib
import hmac
import re
from secrets import token_urlsafe
from typing import Any

from flask import Flask, g, request
from marshmallow import Schema, ValidationError
from webargs.multidictproxy import MultiDictProxy
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from provisioner.config import settings
from provisioner.errors import Invalid, NotAllowed
from provisioner.secrets import service as secrets
from provisioner.web import flatten, is_api

FIELD = "csrf_token"
HEADER = "X-CSRF-Token"


class ForeignForm(NotAllowed):
    code = "foreign-form"
    message = "This form is out of date. Load the page again and repeat what you wanted."


def _secure() -> bool:
    return not settings().insecure_cookie


def _cookie(name: str) -> str:
    # A browser keeps a __Host- cookie only over TLS, and lets no other host or path set it.
    return f"__Host-{name}" if _secure() else name


def session_secret() -> str:
    """The secret in the cookie of the session; empty without one."""
    return request.cookies.get(_cookie("provisioner"), "")


def keep_session(answer: Response, secret: str) -> None:
    _keep(answer, "provisioner", secret)


def forget_session(answer: Response) -> None:
    answer.delete_cookie(_cookie("provisioner"), secure=_secure(), httponly=True, samesite="Lax")


def _keep(answer: Response, name: str, secret: str) -> None:
    answer.set_cookie(_cookie(name), secret, secure=_secure(), httponly=True, samesite="Lax")


def csrf_token() -> str:
    """What a form has to bring back (field csrf_token, or header X-CSRF-Token)."""
    if not _secret():
        g.form_secret = token_urlsafe(32)
    return _proof(_secret())


def refuse_foreign_form() -> None:
    """ForeignForm unless the request brings the proof; programs that use a cookie have to send the header."""
    given = request.headers.get(HEADER) or ("" if is_api() else request.form.get(FIELD, ""))
    secret = _secret()
    if not secret or not hmac.compare_digest(given.encode(), _proof(secret).encode()):
        raise ForeignForm


def _secret() -> str:
    return session_secret() if g.principal else g.form_secret


def _proof(secret: str) -> str:
    return hmac.new(secrets.derived("csrf"), secret.encode(), hashlib.sha256).hexdigest()


def _take_form_secret() -> None:
    g.form_secret = request.cookies.get(_cookie("provisioner-form"), "")


def _give_form_secret(answer: Response) -> Response:
    if g.form_secret != request.cookies.get(_cookie("provisioner-form"), ""):
        _keep(answer, "provisioner-form", g.form_secret)
    return answer


def form(schema: type[Schema]) -> Any:
    """The submitted form as the schema reads it, an empty field being none; Invalid with the faults of its fields."""
    reader = schema()
    filled = [(name, text) for name, text in request.form.items(multi=True) if text and name != FIELD]
    try:
        return reader.load(MultiDictProxy(MultiDict(filled), reader))
    except ValidationError as refused:
        raise Invalid(errors=flatten(refused.messages)) from None


def faults(refused: Invalid) -> dict[str, list[str]]:
    """The faults by field, as the macros of forms take them."""
    fields: dict[str, list[str]] = {}
    for fault in refused.errors:
        fields.setdefault(fault["pointer"].split("/")[1], []).append(fault["detail"])
    return fields


def own_address(address: str) -> str:
    """The address if it is a path of ours, else the home page: anything else would be an open redirect."""
    return address if re.fullmatch(r"/(?![/\\])[!-\[\]-~]*", address) else "/"


def init_browser(app: Flask) -> None:
    # Flask's own session carries nothing but messages from one page to the next.
    app.secret_key = secrets.derived("messages")
    app.config.update(
        SESSION_COOKIE_NAME=_cookie("provisioner-messages"),
        SESSION_COOKIE_SECURE=_secure(),
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.before_request(_take_form_secret)
    app.after_request(_give_form_secret)
    app.jinja_env.globals["csrf_token"] = csrf_token
