"""Pages for signing in, for one's own account and, for administrators, everybody's."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from provisioner.accounts import browser, passwords, queries, service, sign_in, tokens
from provisioner.accounts.doors import for_everyone_signed_in, open_to_all, principal, requires
from provisioner.accounts.policy import Right, Role
from provisioner.accounts.schemas import (
    AccountRequest,
    DisableRequest,
    LanguageRequest,
    PasswordRequest,
    RoleRequest,
    SignInRequest,
    TokenRequest,
)
from provisioner.accounts.service import NewAccount
from provisioner.accounts.sign_in import TooManyAttempts
from provisioner.db import transaction
from provisioner.errors import Invalid
from provisioner.paging import PageRequest
from provisioner.presentation import COOKIE as LANGUAGE_COOKIE

blp = Blueprint("accounts", __name__)


@blp.get("/login")
@open_to_all
def login() -> str:
    return _login_page(browser.own_address(request.args.get("next", "/")))


@blp.post("/login")
@open_to_all
def enter() -> Response:
    try:
        wanted = browser.form(SignInRequest)
        with transaction():
            secret = sign_in.sign_in(wanted["username"], wanted["password"], _address())
    except Invalid:
        secret = None
    except TooManyAttempts as refused:
        page = _login_page(request.form.get("next", "/"), gettext(refused.message, **refused.details))
        return make_response(page, refused.status, {"Retry-After": str(refused.details["seconds"])})
    if secret is None:
        page = _login_page(request.form.get("next", "/"), gettext("The user name or the password is wrong."))
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    answer = _go(browser.own_address(wanted["next"]))
    browser.keep_session(answer, secret)
    return answer


def _login_page(next_address: str, refusal: str = "") -> str:
    return render_template("accounts/login.html", next=next_address, refusal=refusal)


@blp.post("/logout")
@for_everyone_signed_in
def leave() -> Response:
    with transaction():
        sign_in.sign_out(browser.session_secret())
    answer = _go(url_for("accounts.login"))
    browser.forget_session(answer)
    return answer


@blp.get("/account")
@for_everyone_signed_in
def mine() -> str:
    return _my_page()


def _my_page(**more: Any) -> str:
    account_id = principal().account_id
    return render_template(
        "accounts/mine.html",
        identity=queries.account(account_id).identity,
        tokens=queries.tokens(account_id),
        sessions=queries.sessions(account_id),
        **{"errors": {}, "new_token": "", **more},
    )


def _my_page_refused(errors: dict[str, list[str]]) -> Response:
    return make_response(_my_page(errors=errors), HTTPStatus.UNPROCESSABLE_ENTITY)


@blp.post("/account/password")
@for_everyone_signed_in
def change_password() -> Response:
    try:
        wanted = browser.form(PasswordRequest)
        with transaction():
            changed = sign_in.change_password(
                principal(), wanted["current"], wanted["password"], _address(), browser.session_secret()
            )
    except Invalid as refused:
        return _my_page_refused(browser.faults(refused))
    if not changed:
        return _my_page_refused({"current": [gettext("This is not your password.")]})
    flash(gettext("Your password is changed. Everywhere else you are signed out."))
    return _go(url_for("accounts.mine"))


@blp.post("/account/language")
@for_everyone_signed_in
def change_language() -> Response:
    wanted = browser.form(LanguageRequest)
    with transaction():
        service.set_language(principal().account_id, wanted["language"])
    answer = _go(url_for("accounts.mine"))
    answer.delete_cookie(LANGUAGE_COOKIE)  # what this browser was told would hide the choice
    return answer


@blp.post("/account/tokens")
@for_everyone_signed_in
def create_token() -> Response:
    """The one page that shows the token: not a redirect, since nothing keeps the text for the next request."""
    try:
        wanted = browser.form(TokenRequest)
        with transaction():
            _, text = tokens.create(principal(), wanted)
    except Invalid as refused:
        return _my_page_refused(browser.faults(refused))
    return make_response(_my_page(new_token=text))


@blp.post("/account/tokens/<token_id>/revoke")
@for_everyone_signed_in
def revoke_token(token_id: str) -> Response:
    with transaction():
        tokens.revoke(principal().account_id, token_id)
    return _go(url_for("accounts.mine"))


@blp.get("/accounts")
@requires(Right.ADMINISTER)
def everybody() -> str:
    wanted = PageRequest(cursor=request.args.get("cursor"))
    return render_template("accounts/list.html", page=queries.accounts(wanted), first=not wanted.cursor)


@blp.get("/accounts/new")
@requires(Right.ADMINISTER)
def new() -> str:
    return render_template("accounts/new.html", errors={}, given={}, roles=Role)


@blp.post("/accounts")
@requires(Right.ADMINISTER)
def create() -> Response:
    """Answers with the one page that shows the first password."""
    password = passwords.generated()
    try:
        wanted = browser.form(AccountRequest)
        with transaction():
            account = service.create_account(
                NewAccount(**wanted | {"password": password, "roles": frozenset(wanted["roles"])})
            )
    except Invalid as refused:
        page = render_template("accounts/new.html", errors=browser.faults(refused), given=request.form, roles=Role)
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    return make_response(_account_page(account.id, password), HTTPStatus.CREATED)


@blp.get("/accounts/<uuid:account_id>")
@requires(Right.ADMINISTER)
def one(account_id: UUID) -> str:
    return _account_page(account_id)


def _account_page(account_id: UUID, password: str = "") -> str:
    account, held = queries.account(account_id), queries.roles(account_id)
    return render_template("accounts/one.html", account=account, held=held, roles=Role, password=password)


@blp.post("/accounts/<uuid:account_id>/roles")
@requires(Right.ADMINISTER)
def grant_role(account_id: UUID) -> Response:
    wanted = browser.form(RoleRequest)
    with transaction():
        service.grant_role(account_id, wanted["role"])
    return _go(url_for("accounts.one", account_id=account_id))


@blp.post("/accounts/<uuid:account_id>/roles/revoke")
@requires(Right.ADMINISTER)
def revoke_role(account_id: UUID) -> Response:
    wanted = browser.form(RoleRequest)
    with transaction():
        service.revoke_role(account_id, wanted["role"])
    return _go(url_for("accounts.one", account_id=account_id))


@blp.post("/accounts/<uuid:account_id>/disable")
@requires(Right.ADMINISTER)
def disable(account_id: UUID) -> Response:
    wanted = browser.form(DisableRequest)
    with transaction():
        service.disable_account(account_id, wanted["reason"])
    return _go(url_for("accounts.one", account_id=account_id))


def _go(address: str) -> Response:
    return redirect(address, HTTPStatus.SEE_OTHER)


def _address() -> str:
    return request.remote_addr or ""
