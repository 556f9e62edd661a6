"""Who comes in: every request is identified, and admitted only where its view says whom it is for.

A view says so with `requires(Right.X)`, `for_everyone_signed_in` or `open_to_all`; one that says nothing lets nobody
in.
"""

from collections.abc import Callable
from contextlib import ExitStack
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Flask, current_app, g, redirect, request, url_for
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Response

from provisioner.accounts import browser, sign_in, tokens
from provisioner.accounts.policy import Right
from provisioner.accounts.queries import Principal
from provisioner.audit import service as audit
from provisioner.audit.service import Actor, Via
from provisioner.db import transaction
from provisioner.errors import NotAllowed, NotAuthenticated
from provisioner.web import answer, is_api

View = TypeVar("View", bound=Callable[..., Any])
READS = frozenset({"GET", "HEAD", "OPTIONS"})
BEARER = "Bearer "


class For(Enum):
    """Doors that ask for no right."""

    EVERYONE = auto()
    SIGNED_IN = auto()


# Views of others, which cannot carry our mark: files of the pages, the description of the API, the choice of language.
OTHERS = {"static": For.EVERYONE, "api-docs.openapi_json": For.EVERYONE, "language.choose": For.EVERYONE}


def requires(right: Right) -> Callable[[View], View]:
    """Only who has this right gets to the view."""
    return lambda view: _marked(view, right)


def open_to_all(view: View) -> View:
    """Signing in, health: nobody has to say who they are."""
    return _marked(view, For.EVERYONE)


def for_everyone_signed_in(view: View) -> View:
    """What concerns one's own account only: no role is needed."""
    return _marked(view, For.SIGNED_IN)


def _marked(view: View, whom: Right | For) -> View:
    view.admits = whom  # type: ignore[attr-defined]
    return view


def admits(endpoint: str) -> Right | For | None:
    """Whom the endpoint is for; None if it does not say, so nobody."""
    return getattr(current_app.view_functions[endpoint], "admits", OTHERS.get(endpoint))


def principal() -> Principal:
    """Who is asking. For views that are not open to all."""
    who: Principal | None = g.principal
    if who is None:
        raise NotAuthenticated
    return who


def may(right: Right | str) -> bool:
    """Whether who is asking has this right; pages ask it before they offer something."""
    return g.principal is not None and g.principal.may(right)


def _identify() -> None:
    g.principal = g.language = None
    if request.endpoint == "static":
        return
    if is_api() and "Authorization" in request.headers:
        g.principal = _by_token(request.headers["Authorization"])
    elif secret := browser.session_secret():
        g.principal = _by_session(secret)
    g.language = g.principal and g.principal.language


def _by_token(header: str) -> Principal:
    found = tokens.by_token(header.removeprefix(BEARER)) if header.startswith(BEARER) else None
    if found is None:
        raise NotAuthenticated("This token is not valid (any more).")
    who, due = found
    if due and who.token_id:
        with transaction():
            tokens.used(who.token_id)
    return who


def _by_session(secret: str) -> Principal | None:
    found = sign_in.by_session(secret)
    if found is None:
        return None
    who, due = found
    if due:
        with transaction():
            sign_in.seen(secret)
    return who


def _name_actor() -> None:
    """Whatever this request records is the doing of who asks."""
    account_id = g.principal and g.principal.account_id
    g.acting = ExitStack()
    g.acting.enter_context(audit.acting(Actor(Via.API if is_api() else Via.WEB, account_id, g.request_id)))


def _forget_actor(_error: BaseException | None) -> None:
    if acting := g.pop("acting", None):
        acting.close()


def _admit() -> Response | None:
    if request.endpoint is None:  # no such page: Flask says so
        return None
    whom = admits(request.endpoint)
    if whom is None:
        raise NotAllowed
    if whom is not For.EVERYONE and g.principal is None:
        return _ask_to_sign_in()
    if isinstance(whom, Right) and not may(whom):
        raise NotAllowed
    if request.method not in READS and not (g.principal and g.principal.token_id):
        browser.refuse_foreign_form()
    return None


def _ask_to_sign_in() -> Response:
    if is_api():
        raise NotAuthenticated
    wanted = request.script_root + request.full_path.rstrip("?") if request.method in READS else None
    return redirect(url_for("accounts.login", next=wanted), HTTPStatus.SEE_OTHER)


def _record_read() -> None:
    """An auditor's reading is itself recorded; without the record there is nothing to read."""
    if not request.endpoint or admits(request.endpoint) is For.EVERYONE:
        return
    if may(Right.AUDIT) and request.method in READS:
        with transaction():
            audit.record("read", "path", request.path)


def _challenge(error: NotAuthenticated) -> Response:
    refusal = answer(error)
    if is_api():
        refusal.headers["WWW-Authenticate"] = "Bearer"
    return refusal


def init_accounts(app: Flask) -> None:
    browser.init_browser(app)
    for step in (_identify, _name_actor, _admit, _record_read):
        app.before_request(step)
    app.teardown_request(_forget_actor)
    app.register_error_handler(NotAuthenticated, _challenge)
    app.jinja_env.globals.update(principal=LocalProxy(lambda: g.principal), may=may)
