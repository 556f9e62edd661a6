"""Verbs on accounts: create, grant, revoke, disable, change. They write and audit; the door commits."""

import re
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import func, select, update

from provisioner.accounts import passwords, queries
from provisioner.accounts.models import Account, ApiToken, Credential, Identity, RoleGrant, Session
from provisioner.accounts.policy import Role
from provisioner.audit import service as audit
from provisioner.db import Json, db
from provisioner.errors import Conflict, Invalid, NotFound

USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}")
LANGUAGES = ("ar", "fr", "en")
CLOCK = func.clock_timestamp()  # two steps of one transaction are two moments


@dataclass(frozen=True)
class NewAccount:
    username: str
    display_name: str
    password: str
    email: str | None = None
    language: str = "fr"
    roles: frozenset[Role] = frozenset()


def create_account(wanted: NewAccount) -> Account:
    """Enter a person, with a password and roles; Conflict if the name is taken, Invalid if something will not do."""
    username = wanted.username.strip().lower()
    _refuse_bad(username, wanted)
    passwords.refuse_weak(wanted.password, username)
    if queries.named(username):
        raise Conflict("The user name %(username)s is taken.", username=username)
    identity = Identity(
        username=username, display_name=wanted.display_name.strip(), email=wanted.email, language=wanted.language
    )
    account = Account(id=uuid4(), identity=identity)
    db.session.add(account)
    db.session.flush()
    db.session.add(Credential(account_id=account.id, password_hash=passwords.hashed(wanted.password)))
    _record("create", account.id)
    for role in sorted(wanted.roles):
        grant_role(account.id, role)
    return account


def _refuse_bad(username: str, wanted: NewAccount) -> None:
    if not USERNAME.fullmatch(username):
        fault = {"pointer": "/username", "detail": "2 to 63 letters a to z, digits, dots, hyphens or underscores."}
        raise Invalid(errors=[fault])
    if not wanted.display_name.strip():
        raise Invalid(errors=[{"pointer": "/display_name", "detail": "A name is needed."}])
    _refuse_language(wanted.language)


def _refuse_language(language: str) -> None:
    if language not in LANGUAGES:
        raise Invalid(errors=[{"pointer": "/language", "detail": "This language is not offered."}])


def set_language(account_id: UUID, language: str) -> None:
    """The language this person reads."""
    _refuse_language(language)
    identity = _locked(account_id).identity
    if identity.language != language:
        _record("set_language", account_id, before={"language": identity.language}, after={"language": language})
        identity.language = language


def set_password(account_id: UUID, password: str, *, keep_session: bytes | None = None) -> None:
    """Replace the password and end every session but the one of this hash."""
    passwords.refuse_weak(password, _locked(account_id).identity.username)
    db.session.execute(
        update(Credential)
        .where(Credential.account_id == account_id)
        .values(password_hash=passwords.hashed(password), changed_at=CLOCK)
    )
    end_sessions(account_id, but=keep_session)
    _record("set_password", account_id)


def end_sessions(account_id: UUID, *, but: bytes | None = None) -> None:
    """Sign the account out everywhere, but in the session of this hash."""
    mine = update(Session).where(Session.account_id == account_id, Session.ended_at.is_(None))
    db.session.execute(mine.where(Session.id_hash.is_distinct_from(but)).values(ended_at=CLOCK))


def grant_role(account_id: UUID, role: Role) -> None:
    """Give a role from now on; Conflict if the account has it."""
    _locked(account_id)
    if role in queries.roles(account_id):
        raise Conflict("This account has the role %(role)s already.", role=role.value)
    db.session.add(RoleGrant(account_id=account_id, role=role, valid=func.tstzrange(CLOCK, None)))
    db.session.flush()
    _record("grant_role", account_id, after={"role": role})


def revoke_role(account_id: UUID, role: Role) -> None:
    """Take a role away from now on; what was done with it stays explained. Conflict if the account does not have it."""
    _locked(account_id)
    closed = db.session.execute(
        update(RoleGrant)
        .where(RoleGrant.account_id == account_id, RoleGrant.role == role, func.upper_inf(RoleGrant.valid))
        .values(valid=func.tstzrange(func.lower(RoleGrant.valid), CLOCK))
        .returning(RoleGrant.id)
    ).one_or_none()
    if closed is None:
        raise Conflict("This account does not have the role %(role)s.", role=role.value)
    _record("revoke_role", account_id, before={"role": role})


def disable_account(account_id: UUID, reason: str) -> None:
    """Nobody signs in with it any more: sessions end, tokens are revoked. The account stays, for the audit."""
    account = _locked(account_id)
    if account.disabled_at:
        raise Conflict("This account is disabled already.")
    account.disabled_at = CLOCK
    end_sessions(account_id)
    living = update(ApiToken).where(ApiToken.account_id == account_id, ApiToken.revoked_at.is_(None))
    db.session.execute(living.values(revoked_at=CLOCK))
    _record("disable", account_id, reason=reason)


def _locked(account_id: UUID) -> Account:
    """The account's row, held to the end of the transaction: changes to one account come one after another."""
    account = db.session.scalar(select(Account).where(Account.id == account_id).with_for_update(of=Account))
    if account is None:
        raise NotFound(kind="account", key=str(account_id))
    return account


def _record(
    verb: str, account_id: UUID, *, before: Json | None = None, after: Json | None = None, reason: str | None = None
) -> None:
    audit.record(f"account.{verb}", "account", account_id, before=before, after=after, reason=reason)
