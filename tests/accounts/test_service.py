"""The verbs: what they write, what they refuse, and what the audit keeps of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select, text

from provisioner.accounts import queries, service, sign_in, tokens
from provisioner.accounts.models import Account, ApiToken, Identity, Session
from provisioner.accounts.policy import Right, Role
from provisioner.accounts.service import NewAccount
from provisioner.accounts.tokens import NewToken
from provisioner.audit.models import AuditEvent
from provisioner.db import db, transaction
from provisioner.errors import Conflict, Invalid, NotFound
from provisioner.paging import PageRequest
from tests.accounts.conftest import PASSWORD, Person


def wanted(**more: object) -> NewAccount:
    return NewAccount(**{"username": "amina", "display_name": "Amina", "password": PASSWORD, **more})  # type: ignore[arg-type]


def now() -> datetime:
    return db.session.scalars(text("SELECT clock_timestamp()")).one().astimezone(UTC)


@contextmanager
def audited(*actions: str) -> Iterator[None]:
    """Inside, exactly these events are written."""
    before = set(db.session.scalars(select(AuditEvent.id)))
    yield
    written = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [event.action for event in written if event.id not in before] == list(actions)


@pytest.mark.usefixtures("app")
def test_an_account_is_found_by_its_name_whatever_its_case() -> None:
    with audited("account.create", "account.grant_role"), transaction():
        made = service.create_account(wanted(username=" Amina ", roles=frozenset({Role.VIEWER})))

    assert queries.by_username("AMINA").id == made.id
    assert queries.account(made.id).identity.username == "amina"
    assert queries.roles(made.id) == {Role.VIEWER}


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    "fault", [{"username": "a b"}, {"username": "-x"}, {"username": "a"}, {"display_name": " "}, {"language": "de"}]
)
def test_an_account_that_will_not_do_is_refused_and_leaves_no_trace(fault: dict[str, str]) -> None:
    with audited(), pytest.raises(Invalid) as refused, transaction():
        service.create_account(wanted(**fault))

    assert refused.value.errors[0]["pointer"] == f"/{next(iter(fault))}"
    assert db.session.scalars(select(Account)).all() == []


def test_a_user_name_is_taken_once(person: Person) -> None:
    person(username="amina")

    with pytest.raises(Conflict, match="amina is taken"), transaction():
        service.create_account(wanted(username="AMINA"))


@pytest.mark.usefixtures("app")
def test_an_account_that_does_not_exist_is_not_found() -> None:
    for ask in (lambda: queries.account(uuid4()), lambda: queries.by_username("nobody"), lambda: disable(uuid4())):
        with pytest.raises(NotFound):
            ask()


def disable(account_id: object) -> None:
    service.disable_account(account_id, "left")  # type: ignore[arg-type]


def test_a_role_is_held_from_its_grant_to_its_revocation_and_past_times_remember_it(person: Person) -> None:
    amina = person()
    before = now()
    with audited("account.grant_role"), transaction():
        service.grant_role(amina.id, Role.OPERATOR)
    between = now()
    with audited("account.revoke_role"), transaction():
        service.revoke_role(amina.id, Role.OPERATOR)

    assert queries.roles(amina.id) == frozenset()
    assert queries.roles(amina.id, as_of=before) == frozenset()
    assert queries.roles(amina.id, as_of=between) == {Role.OPERATOR}


def test_a_role_is_granted_once_and_revoked_once_but_may_come_back(person: Person) -> None:
    amina = person(Role.VIEWER)
    with pytest.raises(Conflict, match="already"), transaction():
        service.grant_role(amina.id, Role.VIEWER)
    with transaction():
        service.revoke_role(amina.id, Role.VIEWER)
    with pytest.raises(Conflict, match="does not have"), transaction():
        service.revoke_role(amina.id, Role.VIEWER)
    with transaction():
        service.grant_role(amina.id, Role.VIEWER)

    assert queries.roles(amina.id) == {Role.VIEWER}


def test_disabling_ends_sessions_and_revokes_tokens_and_keeps_the_account(person: Person) -> None:
    amina = person(Role.VIEWER)
    with transaction():
        secret = sign_in.sign_in("person1", PASSWORD, "192.0.2.1")
        _, token = tokens.create(queries.principal_of(amina.id), NewToken("script", frozenset({Right.VIEW}), 1))
    with audited("account.disable"), transaction():
        service.disable_account(amina.id, "left the service")

    assert secret
    assert sign_in.by_session(secret) is None
    assert tokens.by_token(token) is None
    assert queries.account(amina.id).disabled_at
    assert queries.sessions(amina.id) == queries.tokens(amina.id) == []
    with pytest.raises(Conflict), transaction():
        service.disable_account(amina.id, "again")


def test_a_new_password_counts_at_once_and_ends_every_other_session(person: Person) -> None:
    amina = person()
    with transaction():
        kept, ended = (sign_in.sign_in("person1", PASSWORD, "192.0.2.1") or "" for _ in range(2))
    with audited("account.set_password"), transaction():
        service.set_password(amina.id, "quite another sentence", keep_session=sign_in.session_hash(kept))

    assert sign_in.by_session(kept)
    assert sign_in.by_session(ended) is None
    with transaction():
        assert sign_in.sign_in("person1", PASSWORD, "192.0.2.1") is None
        assert sign_in.sign_in("person1", "quite another sentence", "192.0.2.1")


def test_the_language_is_changed_and_audited_only_where_it_differs(person: Person) -> None:
    amina = person()
    with audited("account.set_language"), transaction():
        service.set_language(amina.id, "ar")
        service.set_language(amina.id, "ar")

    assert queries.account(amina.id).identity.language == "ar"


def test_signing_in_and_out_is_audited_as_the_persons_own_doing(person: Person) -> None:
    amina = person()
    with audited("account.sign_in", "account.sign_out"), transaction():
        sign_in.sign_out(sign_in.sign_in("person1", PASSWORD, "192.0.2.1") or "")

    signed_in = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "account.sign_in")).one()
    assert (signed_in.actor_id, signed_in.outcome) == (amina.id, "done")


def test_creating_and_revoking_a_token_is_audited(person: Person) -> None:
    amina = person(Role.VIEWER)
    with audited("token.create", "token.revoke"), transaction():
        token, _ = tokens.create(queries.principal_of(amina.id), NewToken("script", frozenset({Right.VIEW}), 1))
        tokens.revoke(amina.id, token.id)

    with pytest.raises(NotFound):
        tokens.revoke(amina.id, token.id)


def test_no_secret_and_no_name_of_a_person_reaches_the_audit_and_no_secret_is_kept_readable(person: Person) -> None:
    amina = person(Role.VIEWER)
    with transaction():
        cookie = sign_in.sign_in("person1", PASSWORD, "192.0.2.1") or ""
        sign_in.sign_in("my password instead of my name", "wrong", "192.0.2.1")
        service.set_password(amina.id, "quite another sentence")
        _, token = tokens.create(queries.principal_of(amina.id), NewToken("script", frozenset({Right.VIEW}), 1))
    audit = everything("audit_event") + everything("audit_change")
    kept = everything("session") + everything("api_token") + everything("credential")
    secret = token.split("_")[2]

    for needle in (PASSWORD, "another sentence", "instead of my name", cookie, secret, "person1", "Amina", "argon2"):
        assert needle not in audit
    for needle in (PASSWORD, "another sentence", cookie, secret):
        assert needle not in kept
    assert token.split("_")[1] in audit


def everything(table: str) -> str:
    return "\n".join(db.session.scalars(text(f"SELECT t::text FROM {table} t")))


def test_the_list_of_accounts_comes_in_pages_by_user_name(app: Flask, person: Person) -> None:
    for name in ("zineb", "amina", "karim"):
        person(Role.VIEWER, Role.AUDITOR, username=name)
    first = queries.accounts(PageRequest(size=2))
    second = queries.accounts(PageRequest(size=2, cursor=first.next))

    assert [row.username for row in (*first.rows, *second.rows)] == ["amina", "karim", "zineb"]
    assert first.rows[0].roles == ["auditor", "viewer"]
    assert second.next is None


def test_what_identifies_a_person_stands_in_one_table() -> None:
    personal = {"username", "display_name", "email"}
    for model in (Account, Session, ApiToken):
        assert personal.isdisjoint(model.__table__.columns.keys())
    assert personal < set(Identity.__table__.columns.keys())
