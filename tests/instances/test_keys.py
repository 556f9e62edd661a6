"""The keys of secrets are changed without touching a secret, and whatever breaks that off, it can be finished."""

import json
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import Flask
from sqlalchemy import select

from provisioner.audit.models import AuditEvent
from provisioner.db import db, transaction
from provisioner.instances import digests, secrets
from provisioner.instances.cli import secrets as command
from provisioner.instances.models import Instance, InstanceSecret
from provisioner.secrets import keys
from tests import factories

REASON = ("--reason", "yearly")


@pytest.fixture
def instances(app: Flask) -> list[Instance]:
    factories.host()
    factories.app()
    return [factories.instance(factories.administration(), release="1.0") for _ in range(3)]


def run(*arguments: str) -> Any:
    done = CliRunner().invoke(command, [*arguments, "--output", "json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    db.session.rollback()
    return json.loads(done.stdout)


def known(instances: list[Instance]) -> dict[Any, dict[str, str]]:
    return {key: each.secrets for key, each in secrets.opened([instance.id for instance in instances]).items()}


def boxes() -> set[bytes]:
    return set(db.session.scalars(select(InstanceSecret.sealed)))


def events(action: str) -> list[Any]:
    found = db.session.scalars(select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id))
    return [event.after for event in found]


def sealed_the_old_way(instance: Instance) -> None:
    """As rows were before secrets had data keys."""
    key, nonce = keys.root(), b"twelve bytes"
    row = db.session.scalars(select(InstanceSecret).where(InstanceSecret.instance_id == instance.id)).one()
    place = f"instance_secret/{instance.id}/{row.name}:{key.id}"
    with transaction():
        row.key_id, row.wrap = key.id, None
        row.sealed = nonce + AESGCM(key.secret).encrypt(nonce, b"old secret", place.encode())


def test_new_keys_leave_secrets_and_instances_as_they_are(instances: list[Instance]) -> None:
    before = (known(instances), boxes(), keys.current().id)

    answer = run("rotate-keys", *REASON)

    assert (known(instances), boxes()) == before[:2]
    assert answer == {"key": keys.current().id, "made": True, "secrets": 3}
    assert keys.current().id != before[2]
    assert set(db.session.scalars(select(InstanceSecret.key_id))) == {answer["key"]}
    assert digests.current([instance.id for instance in instances]) == {instance.id for instance in instances}


def test_what_was_done_stands_in_the_audit_with_its_reason_and_without_a_key(instances: list[Instance]) -> None:
    answer = run("rotate-keys", *REASON)

    assert events("service.new_key") == [{"key": answer["key"]}]
    assert events("service.rewrap") == [{"key": answer["key"], "secrets": 3}]
    kept = select(AuditEvent.reason).where(AuditEvent.action.startswith("service."))
    assert set(db.session.scalars(kept)) == {"yearly"}


def test_a_change_of_keys_that_was_broken_off_is_brought_to_its_end(
    instances: list[Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = known(instances)
    monkeypatch.setattr(secrets, "AT_ONCE", 1)
    with transaction():
        made = secrets.new_key("yearly")
    with transaction():
        assert secrets.rewrap("yearly") == 1
    halfway = known(instances)

    answer = run("rotate-keys", *REASON)

    assert halfway == known(instances) == before
    assert answer == {"key": made, "made": False, "secrets": 2}
    assert run("rotate-keys", *REASON)["made"] is True


def test_what_was_sealed_the_old_way_gets_an_envelope_and_only_that(instances: list[Instance]) -> None:
    old, *others = instances
    sealed_the_old_way(old)
    before = (known(instances), boxes())

    answer = run("rotate-keys", *REASON)

    assert (answer["made"], answer["secrets"]) == (False, 1)
    assert known(instances) == before[0]
    assert known([old])[old.id] == {"admin_password": "old secret"}
    assert len(boxes() & before[1]) == len(others)
    assert None not in set(db.session.scalars(select(InstanceSecret.wrap)))


def test_the_keys_are_listed_with_what_they_wrap_and_a_missing_one_is_told(instances: list[Instance]) -> None:
    first = keys.current().id
    second = run("rotate-keys", *REASON)["key"]
    with transaction():
        row = db.session.scalars(select(InstanceSecret).limit(1)).one()
        row.key_id = "lost"

    listed = {row["key"]: row for row in run("keys")}

    assert listed[second] == {"key": second, "secrets": 2, "here": True}
    assert listed[first] == {"key": first, "secrets": 0, "here": True}
    assert listed["lost"] == {"key": "lost", "secrets": 1, "here": False}
