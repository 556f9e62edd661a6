"""Links are made, listed and revoked by page, API and command, by those who may hand over."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import select

from provisioner.accounts.policy import Right, Role
from provisioner.audit.models import AuditEvent
from provisioner.config import settings
from provisioner.db import db
from provisioner.handovers import links
from provisioner.handovers.cli import handovers
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from tests import factories
from tests.factories import Api
from tests.visitors import Visitor

from .conftest import Receiver, changed, made

WISH = {"secret": "admin_password", "reason": "For Amina, first officer"}


def command(*arguments: str) -> Any:
    done = CliRunner().invoke(handovers, [*arguments, "--output", "json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    db.session.rollback()
    return json.loads(done.stdout)


def path(link: str) -> str:
    return "/handover/" + link.rpartition("/")[2]


def test_the_api_makes_lists_and_revokes_links(instance: Instance, api: Api, receiver: Receiver, value: str) -> None:
    first = api.post(f"/instances/{instance.id}/handovers", json=WISH)
    second = api.post(f"/instances/{instance.id}/handovers", json=WISH)
    revoked = api.call("DELETE", f"/handovers/{second.json['id']}")
    shown = receiver.open(path(first.json["link"]))
    listed = api.get(f"/instances/{instance.id}/handovers").json

    assert (first.status_code, first.json["state"], revoked.status_code) == (201, "open", 204)
    assert value in shown.text
    assert [each["state"] for each in listed["items"]] == ["revoked", "opened"]
    assert (listed["items"][1]["opened_from"], listed["next"]) == ("192.0.2.7", None)
    assert not [each for each in listed["items"] if "link" in each]
    assert value not in f"{first.text}{json.dumps(listed)}"


def test_the_page_makes_and_revokes_a_link_and_shows_it_once(
    app: Flask, instance: Instance, receiver: Receiver, value: str
) -> None:
    operator, address = Visitor(app, Role.OPERATOR), f"/instances/{instance.id}/handovers"
    made_page = operator.post(address, **WISH)
    (link,) = set(re.findall(r"http://localhost(/handover/[\w-]{43})", made_page.text))
    listed = operator.get(address).text
    (revoking,) = re.findall(r'action="(/handovers/[\w-]+/revoke)"', listed)
    operator.post(revoking)

    assert made_page.status_code == 201
    assert (link in listed, "Waits for the receiver" in listed, WISH["reason"] in listed) == (False, True, True)
    assert "Revoked" in operator.get(address).text
    assert receiver.open(link).status_code == 404
    assert value not in made_page.text + listed


def test_a_link_needs_a_reason_that_names_the_receiver(app: Flask, instance: Instance, api: Api) -> None:
    address = f"/instances/{instance.id}/handovers"
    page = Visitor(app, Role.OPERATOR).post(address, secret="admin_password")

    assert (page.status_code, "Missing data for required field." in page.text) == (422, True)
    assert api.post(address, json={"secret": "admin_password"}).status_code == 422


def test_the_command_line_makes_lists_and_revokes_links(instance: Instance, receiver: Receiver, value: str) -> None:
    first = command("create", instance.short_id, "admin_password", "--reason", "For Amina")
    second = command("create", instance.short_id, "admin_password", "--reason", "For Omar")
    assert command("revoke", second["id"])["state"] == "revoked"

    assert first["link"].startswith("http://")
    assert value in receiver.open(path(first["link"])).text
    assert [each["state"] for each in command("list", instance.short_id)] == ["revoked", "opened"]


def test_a_link_lies_below_the_address_of_the_pages(
    instance: Instance, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = replace(settings(), public_url="https://apps.example/provisioner/")
    monkeypatch.setattr(links, "settings", lambda: own)

    answer = api.post(f"/instances/{instance.id}/handovers", json=WISH)

    assert answer.json["link"].startswith("https://apps.example/provisioner/handover/")


def test_an_opened_link_cannot_be_revoked_and_a_revoked_one_stays_so(
    instance: Instance, api: Api, receiver: Receiver
) -> None:
    opened, other = (api.post(f"/instances/{instance.id}/handovers", json=WISH).json for _ in range(2))
    receiver.open(path(opened["link"]))

    assert api.call("DELETE", f"/handovers/{opened['id']}").status_code == 409
    assert [api.call("DELETE", f"/handovers/{other['id']}").status_code for _ in range(2)] == [204, 204]
    revocations = select(AuditEvent).where(AuditEvent.action == "handover.revoke")
    assert len(db.session.scalars(revocations).all()) == 1


def test_what_is_not_there_cannot_be_handed_over(instance: Instance, api: Api) -> None:
    address = f"/instances/{instance.id}/handovers"
    unknown = api.post(address, json={**WISH, "secret": "crown_jewels"})
    changed("UPDATE instance SET state = 'failed'")
    unserved = api.post(address, json=WISH)

    assert (unknown.status_code, unserved.status_code) == (404, 409)
    assert api.get(address).json["items"] == []


def test_who_may_only_operate_hands_nothing_over(app: Flask, instance: Instance) -> None:
    operator = Api(app, Role.OPERATOR)
    operator.token = factories.token(operator.account, Right.VIEW, Right.OPERATE)

    assert operator.post(f"/instances/{instance.id}/handovers", json=WISH).status_code == 403
    assert operator.post(f"/instances/{instance.id}/check", json={"reason": "test"}).status_code == 202


@pytest.mark.parametrize(("role", "offered"), [(Role.OPERATOR, True), (Role.VIEWER, False), (Role.AUDITOR, False)])
def test_the_page_of_an_instance_leads_there_who_may(
    app: Flask, instance: Instance, role: Role, *, offered: bool
) -> None:
    page = Visitor(app, role).get(f"/instances/{instance.id}").text

    assert (f"/instances/{instance.id}/handovers" in page) is offered


def test_a_page_of_a_rotation_offers_the_secrets_to_choose_from(app: Flask, instance: Instance) -> None:
    operator = Visitor(app, Role.OPERATOR)
    page = operator.get(f"/instances/{instance.id}").text
    answer = operator.post(
        f"/instances/{instance.id}/actions", action="rotate", reason="test", names=["admin_password"]
    )

    assert 'name="names" id="names-admin_password"' in page
    assert answer.status_code == 303
    assert factories.claimed().action == Action.ROTATE


def test_the_audit_says_who_made_a_link_for_whom(app: Flask, instance: Instance) -> None:
    made(instance)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "handover.create")).one()
    page = Visitor(app, Role.AUDITOR).get("/audit").text

    assert (event.reason, event.after["secret"]) == ("For Amina, first officer", "admin_password")
    assert "made a link to hand over the secret" in page
