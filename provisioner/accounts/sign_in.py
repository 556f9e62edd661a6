"""Signing in with a password, staying signed in, signing out.

Guessing is slowed by what PostgreSQL remembers of failures: after some an account has to wait, longer each time; an
address with many is refused altogether for a while. An unknown name is answered like a wrong password: same words,
same time, same waits.
"""

import hashlib
import secrets
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select, update

from provisioner.accounts import passwords, queries, service
from provisioner.accounts.models import Account, Credential, Session, SignInFailure
from provisioner.accounts.queries import Principal, seconds_ago
from provisioner.audit import service as audit
from provisioner.config import settings
from provisioner.db import db
from provisioner.errors import NotAllowed

REMEMBERED = 15 * 60  # seconds for which a failure counts
FREE_FAILURES = 4  # of one account, before it has to wait
LONGEST_WAIT = 5 * 60
FAILURES_OF_AN_ADDRESS = 50  # a whole administration may stand behind one
SEEN_EVERY = 60  # seconds: how exactly the last use of a session is known
LONGEST_NAME = 200


class TooManyAttempts(NotAllowed):
    code = "too-many-attempts"
    status = 429
    message = "Too many attempts. Please wait %(seconds)s seconds and try again."


def sign_in(username: str, password: str, address: str) -> str | None:
    """The secret of a new session, for the cookie; None for a wrong name or password. TooManyAttempts without trying.

    Keep the transaction in any case: the failure is written in it.
    """
    account = prove(username, password, address)
    if account is None:
        return None
    secret = secrets.token_urlsafe(32)
    _forget_old_sessions(account.id)
    db.session.add(Session(id_hash=session_hash(secret), account_id=account.id))
    with audit.acting(replace(audit.actor(), account_id=account.id)):
        audit.record("account.sign_in", "account", account.id)
    return secret


def prove(username: str, password: str, address: str) -> Account | None:
    """The account if that is its password, else None with the failure written; keep the transaction in any case."""
    username = username.strip().lower()[:LONGEST_NAME]
    _one_at_a_time(username)
    _refuse_too_many(username, address)
    account = queries.named(username)
    credential = db.session.get(Credential, account.id) if account else None
    right = passwords.matches(password, credential.password_hash if credential else None)
    if account is None or credential is None or account.disabled_at or not right:
        _remember_failure(username, address, account)
        return None
    db.session.execute(delete(SignInFailure).where(SignInFailure.username == username))
    if passwords.outdated(credential.password_hash):
        credential.password_hash = passwords.hashed(password)
    return account


def change_password(who: Principal, current: str, new: str, address: str, session: str) -> bool:
    """Replace one's own password and sign out everywhere else; False with the failure written if `current` is wrong."""
    account = prove(who.username, current, address)
    if account:
        service.set_password(account.id, new, keep_session=session_hash(session))
    return account is not None


def _one_at_a_time(username: str) -> None:
    """Otherwise a hundred guesses at once would all find no failure yet."""
    db.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"sign in {username}", 0))))


def _refuse_too_many(username: str, address: str) -> None:
    since_last = func.extract("epoch", queries.NOW - func.max(SignInFailure.at))
    recent = SignInFailure.at > seconds_ago(REMEMBERED)
    of_account = select(func.count(), since_last).where(SignInFailure.username == username, recent)
    failures, ago = db.session.execute(of_account).one()
    wait = min(2 ** (failures - FREE_FAILURES), LONGEST_WAIT) if failures >= FREE_FAILURES else 0
    if failures and ago < wait:
        raise TooManyAttempts(seconds=int(wait - ago) + 1)
    refuse_address(address)


def refuse_address(address: str) -> None:
    """TooManyAttempts where so many have failed from there that nobody may guess on for a while."""
    recent = SignInFailure.at > seconds_ago(REMEMBERED)
    of_address = select(func.count()).where(SignInFailure.address == address, recent)
    if (db.session.scalar(of_address) or 0) >= FAILURES_OF_AN_ADDRESS:
        raise TooManyAttempts(seconds=REMEMBERED)


def count_failure(address: str, username: str = "") -> None:
    """Somebody guessed wrong there, at a password or, without a name, at a link."""
    db.session.execute(delete(SignInFailure).where(SignInFailure.at < seconds_ago(REMEMBERED)))
    db.session.add(SignInFailure(username=username, address=address))


def _remember_failure(username: str, address: str, account: Account | None) -> None:
    count_failure(address, username)
    # Not what was typed: people type passwords into the wrong field.
    audit.record("account.sign_in", "account", account.id if account else "unknown", outcome="refused")


def _forget_old_sessions(account_id: UUID) -> None:
    outlived = Session.created_at < seconds_ago(settings().session_absolute)
    db.session.execute(delete(Session).where(Session.account_id == account_id, outlived))


def session_hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def by_session(secret: str) -> tuple[Principal, bool] | None:
    """Who is signed in with this cookie, and whether `seen` is due; None if nobody (any more)."""
    due = (Session.seen_at < seconds_ago(SEEN_EVERY)).label("due")
    found: Row[Any] | None = db.session.execute(
        queries.people(due)
        .join(Session, Session.account_id == Account.id)
        .where(Session.id_hash == session_hash(secret), queries.open_session())
    ).one_or_none()
    return (queries.principal(found), found.due) if found else None


def seen(secret: str) -> None:
    """The session was used just now."""
    mine = update(Session).where(Session.id_hash == session_hash(secret))
    db.session.execute(mine.values(seen_at=func.clock_timestamp()))


def sign_out(secret: str) -> None:
    """End the session; harmless if it has ended."""
    ended = db.session.scalar(
        update(Session)
        .where(Session.id_hash == session_hash(secret), Session.ended_at.is_(None))
        .values(ended_at=func.clock_timestamp())
        .returning(Session.account_id)
    )
    if ended:
        audit.record("account.sign_out", "account", ended)
