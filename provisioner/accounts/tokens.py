"""Tokens for programs: `prv_<id>_<secret>_<crc>`.

The checksum tells a mistyped token from an unknown one, and lets scanners find those that leaked.
"""

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, update

from provisioner.accounts import queries
from provisioner.accounts.models import Account, ApiToken
from provisioner.accounts.policy import Right
from provisioner.accounts.queries import NOW, Principal, seconds_ago
from provisioner.audit import service as audit
from provisioner.db import db
from provisioner.errors import Invalid, NotAllowed, NotFound

SPELLING = re.compile(r"(prv_([0-9a-f]{12})_([0-9a-f]{48}))_([0-9a-f]{8})")
LONGEST_DAYS = 366
USED_EVERY = 60  # seconds: how exactly the last use of a token is known


@dataclass(frozen=True)
class NewToken:
    name: str
    rights: frozenset[Right]
    days: int


def create(owner: Principal, wanted: NewToken) -> tuple[ApiToken, str]:
    """A token and its text, which nobody sees again. It may do no more than its owner; a token creates no tokens."""
    if owner.token_id:
        raise NotAllowed("A token cannot create tokens. Sign in to create one.")
    _refuse_bad(owner, wanted)
    token_id, secret = secrets.token_hex(6), secrets.token_hex(24)
    token = ApiToken(
        id=token_id,
        account_id=owner.account_id,
        name=wanted.name.strip(),
        secret_hash=_hash(secret),
        rights=sorted(wanted.rights),
        expires_at=func.clock_timestamp() + func.make_interval(0, 0, 0, wanted.days),
    )
    db.session.add(token)
    db.session.flush()
    audit.record("token.create", "token", token_id, after={"name": token.name, "rights": token.rights})
    return token, _spelled(token_id, secret)


def _refuse_bad(owner: Principal, wanted: NewToken) -> None:
    if not wanted.name.strip():
        raise Invalid(errors=[{"pointer": "/name", "detail": "A name is needed."}])
    if not wanted.rights:
        raise Invalid(errors=[{"pointer": "/rights", "detail": "Choose at least one."}])
    if not wanted.rights <= owner.rights:
        raise Invalid(errors=[{"pointer": "/rights", "detail": "A token cannot do more than its owner."}])
    if not 1 <= wanted.days <= LONGEST_DAYS:
        raise Invalid(errors=[{"pointer": "/days", "detail": "A token is valid for 1 to 366 days."}])


def revoke(account_id: UUID, token_id: str) -> None:
    """The token works no more; NotFound if the account has no such token."""
    revoked = db.session.scalar(
        update(ApiToken)
        .where(ApiToken.id == token_id, ApiToken.account_id == account_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=func.clock_timestamp())
        .returning(ApiToken.name)
    )
    if revoked is None:
        raise NotFound(kind="token", key=token_id)
    audit.record("token.revoke", "token", token_id, before={"name": revoked})


def by_token(text: str) -> tuple[Principal, bool] | None:
    """Who calls with this token, and whether `used` is due; None if nobody (any more)."""
    spelled = SPELLING.fullmatch(text)
    if not spelled or spelled[4] != _checksum(spelled[1]):
        return None
    row = _living(spelled[2])
    if row is None or not hmac.compare_digest(row.secret_hash, _hash(spelled[3])):
        return None
    scope = frozenset(Right(right) for right in row.scope)
    return queries.principal(row, (spelled[2], scope)), row.due


def used(token_id: str) -> None:
    """The token was used just now."""
    db.session.execute(update(ApiToken).where(ApiToken.id == token_id).values(used_at=func.clock_timestamp()))


def _living(token_id: str) -> Row[Any] | None:
    due = func.coalesce(ApiToken.used_at < seconds_ago(USED_EVERY), True).label("due")
    return db.session.execute(
        queries.people(ApiToken.secret_hash, ApiToken.rights.label("scope"), due)
        .join(ApiToken, ApiToken.account_id == Account.id)
        .where(ApiToken.id == token_id, ApiToken.revoked_at.is_(None), ApiToken.expires_at > NOW)
    ).one_or_none()


def _spelled(token_id: str, secret: str) -> str:
    text = f"prv_{token_id}_{secret}"
    return f"{text}_{_checksum(text)}"


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
