"""What an auditor reads is itself recorded."""

from flask.testing import FlaskClient
from sqlalchemy import select

from provisioner.accounts import queries, tokens
from provisioner.accounts.policy import Right, Role
from provisioner.accounts.tokens import NewToken
from provisioner.audit.models import AuditEvent
from provisioner.db import db, transaction
from tests.accounts.conftest import SignedIn


def reads() -> list[tuple[str, str, str]]:
    events = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "read").order_by(AuditEvent.id))
    return [(event.via, event.object_type, event.object_id) for event in events]


def test_each_page_and_api_call_an_auditor_reads_is_one_event_of_theirs(
    signed_in: SignedIn, client: FlaskClient
) -> None:
    browser = signed_in(Role.AUDITOR, username="auditor")
    auditor = queries.principal_of(queries.by_username("auditor").id)
    with transaction():
        _, token = tokens.create(auditor, NewToken("script", frozenset({Right.AUDIT}), 1))

    browser.get("/account?tab=1")
    client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}", "X-Request-ID": "call-7"})
    browser.get("/login")
    browser.get("/static/app.css").close()
    browser.get("/nowhere")

    assert reads() == [("web", "path", "/account"), ("api", "path", "/api/v1/me")]
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.correlation_id == "call-7")).one()
    assert event.actor_id == auditor.account_id


def test_what_others_read_is_not_recorded(signed_in: SignedIn) -> None:
    signed_in(Role.ADMINISTRATOR).get("/accounts")

    assert reads() == []
