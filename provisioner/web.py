"""What all HTTP doors share: request ids, and how an error becomes an answer."""

import re
from http import HTTPStatus
from uuid import uuid4

import structlog
from flask import Flask, Response, g, jsonify, render_template, request
from flask_babel import gettext
from psycopg.errors import OperationalError as DriverError
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from provisioner.errors import Conflict, DomainError, Invalid, Unavailable

log = structlog.get_logger()
API = "/api/"
PROBLEM = "application/problem+json"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class BadQuery(Invalid):
    code = "bad-query"
    status = 400
    message = "This cannot be asked with these filters."


def _take_request_id() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if re.fullmatch(r"[\w.:-]{1,100}", given) else uuid4().hex
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.get("request_id", "")
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if not request.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")
    structlog.contextvars.clear_contextvars()
    return response


def is_api() -> bool:
    """Whether the caller is a program, which gets problem+json instead of a page."""
    return request.path.startswith(API)


def answer(error: DomainError) -> Response:
    """The error for whoever asked: application/problem+json (RFC 9457) or a page, in the reader's language."""
    detail = gettext(error.message, **error.details)
    errors = error.errors if isinstance(error, Invalid) else []
    facts = {name: value for name, value in error.details.items() if name not in {"status", "code", "title", "detail"}}
    if is_api():
        problem = {
            "type": f"/docs/problems#{error.code}",
            "title": HTTPStatus(error.status).phrase,
            "status": error.status,
        }
        response = jsonify({**facts, **problem, "code": error.code, "detail": detail, "errors": errors})
        response.content_type = PROBLEM
    else:
        page = render_template(
            "errors/problem.html", status=error.status, code=error.code, detail=detail, errors=errors
        )
        response = Response(page)
    response.status_code = error.status
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "5"
    return response


def _on_http(error: HTTPException) -> Response:
    """Werkzeug's and webargs' refusals, in our one form."""
    messages = getattr(error, "data", {}).get("messages", {})
    refusal = _on_bad_input(messages) if messages else DomainError(error.description or error.name)
    refusal.message = refusal.message.replace("%", "%%")
    if not messages:
        refusal.code = error.name.lower().replace(" ", "-")
        refusal.status = error.code or 500
    response = answer(refusal)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After", "WWW-Authenticate"}:
            response.headers[name] = value
    return response


def _on_bad_input(messages: dict[str, object]) -> Invalid:
    return (BadQuery if "query" in messages else Invalid)(errors=flatten(messages))


def flatten(messages: object, pointer: str = "") -> "list[dict[str, str]]":
    """marshmallow's nested messages as a list of {pointer, detail}, the pointer in JSON Pointer form (RFC 6901)."""
    if isinstance(messages, dict):
        # webargs names the place (json, form, query) first; for the caller the field is what counts.
        nested = [
            flatten(
                value, pointer if key in {"json", "form", "query", "_schema"} and not pointer else f"{pointer}/{key}"
            )
            for key, value in messages.items()
        ]
        return [fault for faults in nested for fault in faults]
    details = messages if isinstance(messages, list) else [messages]
    return [{"pointer": pointer, "detail": str(detail)} for detail in details]


def _on_lost_race(_error: StaleDataError) -> Response:
    return answer(
        Conflict("Somebody else changed this in the meantime. Look at it again, then repeat what you wanted.")
    )


def _on_database_away(_error: Exception) -> Response:
    log.warning("database away", exc_info=_error)
    return answer(Unavailable())


def _on_unkeepable(_error: Exception) -> Response:
    """A text with NUL or half a character, or a number that no column holds: the database takes none of them."""
    log.warning("not for the database", exc_info=_error)
    return answer(Invalid("Some of the given characters or numbers cannot be kept."))


def _on_defect(_error: Exception) -> Response:
    log.error("defect", exc_info=_error)
    failure = DomainError("Something went wrong on our side. The reference of this call tells the operators which.")
    failure.code, failure.status = "internal-error", 500
    return answer(failure)


def init_web(app: Flask) -> None:
    app.before_request(_take_request_id)
    app.after_request(_finish)
    app.register_error_handler(DomainError, answer)
    app.register_error_handler(HTTPException, _on_http)
    app.register_error_handler(StaleDataError, _on_lost_race)
    app.register_error_handler(DataError, _on_unkeepable)
    app.register_error_handler(UnicodeEncodeError, _on_unkeepable)
    app.register_error_handler(OperationalError, _on_database_away)
    app.register_error_handler(DriverError, _on_database_away)
    app.register_error_handler(Exception, _on_defect)
