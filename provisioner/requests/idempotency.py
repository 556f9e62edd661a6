"""Idempotency-Key: a call that is sent twice acts once, and gets the same answer twice.

The answer is kept in the transaction of what it answers, so that neither is there without the other.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from provisioner.db import Json, db
from provisioner.errors import Conflict, DomainError, Invalid
from provisioner.requests.models import IdempotencyKey

LONGEST = 255
# Refusals that the same call would get again. What is in the way of others (409, 403...) may be gone the next time.
KEPT_REFUSALS = frozenset({404, 422})


class NoKey(DomainError):
    code = "idempotency-key-missing"
    status = 400
    message = "This call needs the header Idempotency-Key: 1 to 255 characters of your choice, new for each act."


class KeyReused(Invalid):
    code = "idempotency-key-reused"
    message = "This Idempotency-Key was used for another call. Take a new one for a new act."


class KeyInUse(Conflict):
    code = "idempotency-key-in-use"
    message = "A call with this Idempotency-Key is still being answered. Repeat it in a moment."


@dataclass(frozen=True)
class Key:
    """A key that somebody gave, and the hash of the call that it stands for."""

    account_id: UUID
    text: str
    call: bytes


@dataclass(frozen=True)
class Answer:
    status: int
    body: Json
    location: str | None = None
    replayed: bool = False


def key(account_id: UUID, text: str, call: Any) -> Key:
    """`call` is what the caller wants, as JSON; NoKey for a text that cannot be a key."""
    if not (text.isprintable() and 0 < len(text) <= LONGEST):
        raise NoKey
    return Key(account_id, text, hashlib.sha256(json.dumps(call, sort_keys=True).encode()).digest())


def once(given: Key, act: Callable[[], Answer], refusal: Callable[[DomainError], Answer]) -> Answer:
    """What `act` answers, or answered the first time. The caller has a transaction open.

    A refusal that would come again is kept like an answer, what was written before it is undone; any other is raised.
    """
    _take_turn(given)
    kept = db.session.get(IdempotencyKey, (given.account_id, given.text))
    if kept:
        return _replayed(kept, given)
    try:
        with db.session.begin_nested():
            answer = act()
    except DomainError as error:
        if error.status not in KEPT_REFUSALS:
            raise
        answer = refusal(error)
    _keep(given, answer)
    return answer


def _take_turn(given: Key) -> None:
    """Until the end of the transaction nobody else acts for this key."""
    number = func.hashtextextended(f"{given.account_id}/{given.text}", 0)
    if not db.session.scalar(select(func.pg_try_advisory_xact_lock(number))):
        raise KeyInUse


def _replayed(kept: IdempotencyKey, given: Key) -> Answer:
    if kept.body_hash != given.call:
        raise KeyReused
    return Answer(kept.status, kept.body, kept.location, replayed=True)


def _keep(given: Key, answer: Answer) -> None:
    db.session.add(
        IdempotencyKey(
            account_id=given.account_id,
            key=given.text,
            body_hash=given.call,
            status=answer.status,
            body=answer.body,
            location=answer.location,
        )
    )
