"""What doors have in common by which an action is asked for: the key of a call, and where to look for its job."""

from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, request

from provisioner.accounts.doors import principal
from provisioner.db import Json, transaction
from provisioner.errors import DomainError
from provisioner.requests import idempotency
from provisioner.requests.idempotency import Answer, NoKey, key
from provisioner.web import PROBLEM, answer

ACCEPTED, OK = 202, 200
FIRST_LOOK = "1"  # seconds after which it makes sense to ask how the job is
JOB_HEADERS: dict[str, Any] = {
    "Location": {"description": "The job.", "schema": {"type": "string"}},
    "Operation-Location": {"description": "The job.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds until the first look.", "schema": {"type": "integer"}},
    "Idempotent-Replayed": {"description": "`true`: this is the answer of before.", "schema": {"type": "string"}},
}


def once(given: Json, act: Callable[[], Answer]) -> Response:
    """Act in a transaction, and for the key of the call's headers only the first time."""
    if given["key"] is None and principal().token_id:
        raise NoKey
    with transaction():
        if given["key"] is None:
            return sent(act())
        call = key(principal().account_id, given["key"], [request.path, request.get_json()])
        return sent(idempotency.once(call, act, _refused))


def _refused(error: DomainError) -> Answer:
    refusal = answer(error)
    return Answer(refusal.status_code, refusal.get_json())


def sent(given: Answer) -> Response:
    response = jsonify(given.body)
    response.status_code = given.status
    if given.status not in {OK, ACCEPTED}:
        response.content_type = PROBLEM
    if given.location:
        response.headers.update({"Location": given.location, "Operation-Location": given.location})
        response.headers["Retry-After"] = FIRST_LOOK
    if given.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
