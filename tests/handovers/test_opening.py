"""A link shows its secret once, to whoever presses its button first, and tells nobody else anything."""

import re

import pytest
from flask import Flask
from sqlalchemy import select, text

from provisioner.accounts.sign_in import FAILURES_OF_AN_ADDRESS
from provisioner.audit.models import AuditChange, AuditEvent
from provisioner.db import db, transaction
from provisioner.handovers import queries, service
from provisioner.handovers.lifecycle import HandoverState
from provisioner.instances import secrets
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs.lifecycle import End
from provisioner.paging import PageRequest
from provisioner.presentation import LANGUAGES
from tests import factories
from tests.factories import Api
from tests.threads import in_threads

from .conftest import Receiver, changed, made

WORN_OUT = {
    "expired": "UPDATE handover SET created_at = created_at - interval '1 hour', expires_at = created_at",
    "revoked": "UPDATE handover SET revoked_at = clock_timestamp()",
    "of an instance that is no more": "UPDATE instance SET state = 'removed'",
}
TABLES = ("audit_event", "audit_change", "handover", "sign_in_failure")


def test_the_receiver_sees_the_secret_with_what_it_is_for(instance: Instance, value: str, receiver: Receiver) -> None:
    answer = receiver.open(made(instance))

    assert answer.status_code == 200
    for text_there in (value, "The complaints", "Commune-A", instance.address, "admin_password"):
        assert text_there in answer.text


def test_looking_at_the_link_uses_nothing_up_and_tells_nothing(
    instance: Instance, value: str, receiver: Receiver
) -> None:
    link = made(instance)
    looks = [receiver.get(link), receiver.call("HEAD", link), receiver.get("/handover/unknown")]

    assert [look.status_code for look in looks] == [200, 200, 200]
    assert not [look for look in looks if value in look.text or "commune" in look.text.lower()]
    assert value in receiver.open(link).text


def test_a_link_works_once(app: Flask, instance: Instance, value: str, receiver: Receiver) -> None:
    link = made(instance)
    receiver.open(link)
    second = Receiver(app).open(link)

    assert (second.status_code, value in second.text) == (404, False)


def test_of_many_who_open_it_at_once_one_sees_the_secret(app: Flask, instance: Instance, value: str) -> None:
    link, seen = made(instance), []

    def take() -> None:
        with transaction():
            seen.append(service.open_once(link.rpartition("/")[2], "192.0.2.9"))

    in_threads(app, [take] * 8)

    assert [shown.value for shown in seen if shown] == [value]


@pytest.mark.parametrize("why", WORN_OUT)
def test_links_that_do_not_work_are_told_alike_whyever(
    app: Flask, instance: Instance, value: str, receiver: Receiver, why: str
) -> None:
    link = made(instance)
    changed(WORN_OUT[why])
    refused, unknown = receiver.open(link), Receiver(app).open("/handover/unknown")

    assert (refused.status_code, unknown.status_code) == (404, 404)
    told = [re.findall(r"<main.*</main>", answer.text, re.DOTALL) for answer in (refused, unknown)]
    assert told[0] == told[1] != []
    assert value not in refused.text


def test_without_the_proof_of_our_own_form_nothing_opens(instance: Instance, value: str, receiver: Receiver) -> None:
    link = made(instance)
    refused = receiver.call("POST", link)

    assert (refused.status_code, value in refused.text) == (403, False)
    assert value in receiver.open(link).text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_page_of_a_link_is_kept_or_told_of_elsewhere(instance: Instance, receiver: Receiver, method: str) -> None:
    link = made(instance)
    answer = receiver.get(link) if method == "GET" else receiver.open(link)

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"


def test_an_address_that_guesses_has_to_wait_and_others_do_not(app: Flask, instance: Instance, value: str) -> None:
    link, guesser = made(instance), Receiver(app, address="198.51.100.1")
    for _ in range(FAILURES_OF_AN_ADDRESS):
        with transaction():
            assert service.open_once("guess", "198.51.100.1") is None

    refused = guesser.open(link)

    assert (refused.status_code, value in refused.text) == (429, False)
    assert int(refused.headers["Retry-After"]) > 0
    assert value in Receiver(app).open(link).text


def test_opening_is_kept_in_the_audit_with_the_address_and_without_secret_or_token(
    instance: Instance, value: str, receiver: Receiver
) -> None:
    link = made(instance)
    receiver.open(link)
    receiver.open("/handover/wrong")

    opened, refused = db.session.scalars(
        select(AuditEvent).where(AuditEvent.action == "handover.open").order_by(AuditEvent.id)
    )
    assert opened.after == {"instance_id": str(instance.id), "secret": "admin_password", "address": "192.0.2.7"}
    assert (opened.outcome, opened.administration_id) == ("done", instance.administration_id)
    assert (refused.outcome, refused.after) == ("refused", {"address": "192.0.2.7"})
    kept = "".join(str(db.session.scalars(text(f"SELECT t::text FROM {table} AS t")).all()) for table in TABLES)
    assert not [word for word in (value, link.rpartition("/")[2]) if word in kept]


def test_a_link_ends_with_the_secret_that_it_was_made_for(
    instance: Instance, api: Api, value: str, receiver: Receiver
) -> None:
    link = made(instance)
    factories.asked_to(Action.ROTATE, instance.id)
    assert queries.of_instance(instance.id, PageRequest()).rows[0].state == HandoverState.OPEN
    factories.carried_out()
    renewed = secrets.opened([instance.id])[instance.id].secrets["admin_password"]

    refused = receiver.open(link)

    assert (refused.status_code, renewed == value, renewed in refused.text) == (404, False, False)
    assert "does not work any more" in refused.text
    [listed] = api.get(f"/instances/{instance.id}/handovers").json["items"]
    assert listed["state"] == "revoked"
    kept = select(AuditChange).where(AuditChange.table_name == "handover", AuditChange.operation == "UPDATE")
    assert db.session.scalars(kept).one().after["revoked_at"]
    assert renewed in receiver.open(made(instance)).text


def test_a_rotation_that_fails_leaves_the_link(instance: Instance, value: str, receiver: Receiver) -> None:
    link = made(instance)
    factories.asked_to(Action.ROTATE, instance.id)
    factories.carried_out(End.FAILED, {"health": "healthy", "active_version": "1.0", "secrets": "previous"})

    assert value in receiver.open(link).text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_receiver_reads_their_language(app: Flask, instance: Instance, value: str, language: str) -> None:
    receiver, link = Receiver(app, language), made(instance)
    offered, shown = receiver.get(link), receiver.open(link)

    assert f'lang="{language}"' in offered.text
    assert ("A secret for you" in offered.text) is (language == "en")
    assert (value in shown.text, 'action="/language"' in shown.text) == (True, False)
