"""People and machines that may sign in, and what they may do.

What identifies a person stands in `identity` alone, so that erasing them leaves the audit's pseudonymous ids intact.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from provisioner.accounts.policy import Right, Role
from provisioner.db import Created, Id, Model, Serial, Since


class Account(Model):
    __tablename__ = "account"
    __audited__ = ("id", "disabled_at")

    id: Mapped[Id]
    created_at: Mapped[Created]
    disabled_at: Mapped[datetime | None]
    identity: Mapped["Identity"] = relationship(lazy="joined", innerjoin=True)


class Identity(Model):
    __tablename__ = "identity"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)  # lower case
    display_name: Mapped[str]
    email: Mapped[str | None]
    language: Mapped[str] = mapped_column(default="fr")


class Credential(Model):
    __tablename__ = "credential"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    password_hash: Mapped[str]  # argon2id
    changed_at: Mapped[Created]


class RoleGrant(Model):
    __tablename__ = "role_grant"
    __audited__ = ("account_id", "role", "valid")

    id: Mapped[Id]
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    role: Mapped[Role]
    valid: Mapped[Since]


class Session(Model):
    """A signed-in browser. Only the SHA-256 of the cookie is kept."""

    __tablename__ = "session"

    id_hash: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[Created]
    seen_at: Mapped[Created]
    ended_at: Mapped[datetime | None]


class ApiToken(Model):
    """`prv_<id>_<secret>_<crc>`; only the SHA-256 of the secret is kept.

    A token never has more rights than its account.
    """

    __tablename__ = "api_token"
    __audited__ = ("id", "account_id", "name", "rights", "expires_at", "revoked_at")

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    name: Mapped[str]
    secret_hash: Mapped[bytes]
    rights: Mapped[list[str]]
    created_at: Mapped[Created]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]

    @property
    def scope(self) -> frozenset[Right]:
        return frozenset(Right(right) for right in self.rights)


class SignInFailure(Model):
    """What the brute-force delay counts; kept in PostgreSQL so that it holds when Redis is down."""

    __tablename__ = "sign_in_failure"

    id: Mapped[Serial]
    username: Mapped[str]
    address: Mapped[str]
    at: Mapped[Created]
