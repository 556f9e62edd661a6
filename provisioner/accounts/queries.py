"""Questions about accounts: who they are, what they may do, how they are signed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, DateTime, Select, Text, func, literal, select

from provisioner.accounts.models import Account, ApiToken, Identity, RoleGrant, Session
from provisioner.accounts.policy import Right, Role, rights_of
from provisioner.config import settings
from provisioner.db import db
from provisioner.errors import NotFound
from provisioner.paging import Page, PageRequest, page

NOW = func.statement_timestamp()  # now() stands still from the start of the transaction, and would miss what it changed


@dataclass(frozen=True)
class Principal:
    """Who is asking, and what they may do."""

    account_id: UUID
    username: str
    display_name: str
    language: str
    rights: frozenset[Right]
    token_id: str | None = None

    def may(self, right: Right | str) -> bool:
        return right in self.rights


def account(account_id: UUID) -> Account:
    """The account of this id, disabled or not; NotFound."""
    found = db.session.get(Account, account_id)
    if found is None:
        raise NotFound(kind="account", key=str(account_id))
    return found


def by_username(username: str) -> Account:
    """The account of this name, disabled or not; NotFound."""
    found = named(username)
    if found is None:
        raise NotFound(kind="account", key=username)
    return found


def named(username: str) -> Account | None:
    return db.session.scalar(select(Account).join(Identity).where(Identity.username == username.lower()))


def roles(account_id: UUID, as_of: datetime | None = None) -> frozenset[Role]:
    """The roles of the account, now or at a time."""
    held = select(RoleGrant.role).where(RoleGrant.account_id == account_id, _held(as_of))
    return frozenset(db.session.scalars(held))


def accounts(wanted: PageRequest) -> Page:
    """All accounts with their roles, by user name."""
    columns: list[Any] = [Account.id, Identity.username, Identity.display_name, Account.disabled_at, _roles()]
    return page(select(*columns).join(Identity), [Identity.__table__.c.username], wanted, {"list": "accounts"})


def tokens(account_id: UUID) -> Sequence[ApiToken]:
    """The tokens of the account that are not revoked, newest first."""
    kept = select(ApiToken).where(ApiToken.account_id == account_id, ApiToken.revoked_at.is_(None))
    return db.session.scalars(kept.order_by(ApiToken.created_at.desc())).all()


def sessions(account_id: UUID) -> Sequence[Session]:
    """Where the account is signed in, newest first."""
    open_ones = select(Session).where(Session.account_id == account_id, open_session())
    return db.session.scalars(open_ones.order_by(Session.created_at.desc())).all()


def open_session() -> ColumnElement[bool]:
    """Whether a session still counts: not ended, not left alone for too long, not too old."""
    idle = Session.seen_at > seconds_ago(settings().session_idle)
    young = Session.created_at > seconds_ago(settings().session_absolute)
    return Session.ended_at.is_(None) & idle & young


def seconds_ago(seconds: float) -> ColumnElement[datetime]:
    return NOW - func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def people(*more: Any) -> Select[Any]:
    """Accounts that are not disabled, as `principal` reads them, with more columns after."""
    who = (Account.id, Identity.username, Identity.display_name, Identity.language, _roles())
    return select(*who, *more).join(Identity).where(Account.disabled_at.is_(None))


def principal(row: Any, token: tuple[str, frozenset[Right]] | None = None) -> Principal:
    """The row of a person as a principal; with a token (its id and scope) no more than that allows."""
    rights = rights_of(Role(role) for role in row.roles)
    token_id, scope = token or (None, rights)
    return Principal(row.id, row.username, row.display_name, row.language, rights & scope, token_id)


def principal_of(account_id: UUID) -> Principal:
    """The account as if it asked itself; NotFound if it is disabled."""
    row = db.session.execute(people().where(Account.id == account_id)).one_or_none()
    if row is None:
        raise NotFound(kind="account", key=str(account_id))
    return principal(row)


def _held(as_of: datetime | None = None) -> ColumnElement[bool]:
    return RoleGrant.valid.contains(literal(as_of, DateTime(timezone=True)) if as_of else NOW)


def _roles() -> ColumnElement[Any]:
    held = select(RoleGrant.role).where(RoleGrant.account_id == Account.id, _held()).order_by(RoleGrant.role)
    return func.array(held.scalar_subquery(), type_=ARRAY(Text)).label("roles")
