"""The register of backups, as requests and runs fill it, through the API."""

import re
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import text

from provisioner.accounts.policy import Role
from provisioner.config import settings
from provisioner.db import db, transaction
from provisioner.embedded.layout import Layout
from provisioner.instances import variables
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs import claiming
from provisioner.jobs.lifecycle import End
from tests import factories
from tests.conftest import superuser
from tests.factories import SITE, Api
from tests.visitors import Visitor

NIGHT = "2026-11-24T01:00:00Z"
# Sixty more, taken between the oldest and the newest, and removed from the store since.
EXPIRED = """
    SET session_replication_role = replica;
    INSERT INTO backup SELECT (jsonb_populate_record(backup, jsonb_build_object('id', gen_random_uuid(),
        'job_id', gen_random_uuid(), 'taken_at', taken_at + number * interval '1 day', 'expired_at', now()))).*
    FROM backup, generate_series(1, 60) AS number WHERE taken_at = (SELECT min(taken_at) FROM backup)
"""


@pytest.fixture
def instance(app: Flask) -> Instance:
    factories.host()
    factories.app("complaints")
    return factories.instance(factories.administration(), release="1.0")


def backed_up(instance: Instance, taken_at: str = NIGHT) -> str:
    """The name of the backup that is kept now."""
    job = factories.asked_to(Action.BACK_UP, instance.id)
    report = factories.stored(job, taken_at)
    factories.carried_out(report=report)
    return str(report["backup"]["name"])


def order(instance: Instance) -> variables.RunOrder:
    """What the run of the oldest job that waits is told."""
    with transaction():
        batch = claiming.claim("worker", [SITE], 0, most=1)
        assert batch
        return variables.order(batch)


def test_a_backup_is_in_the_register_once_it_is_in_the_store(app: Flask, instance: Instance) -> None:
    api = Api(app, Role.VIEWER)
    before = api.get(f"/instances/{instance.id}/backups").json["items"]
    name = backed_up(instance)
    [kept] = api.get(f"/instances/{instance.id}/backups").json["items"]
    shown = api.get(f"/instances/{instance.id}").json

    assert before == []
    assert (kept["name"], kept["version"], kept["bytes"]) == (name, "1.0", 9)
    assert name == f"{instance.short_id}/{kept['job_id']}.tar.age"
    assert (kept["proven_at"], kept["expired_at"]) == (None, None)
    assert (shown["backed_up_at"][:19], shown["proven_at"]) == ("2026-11-24T01:00:00", None)


def test_backups_are_read_page_by_page_the_newest_first(app: Flask, instance: Instance) -> None:
    names = {day: backed_up(instance, f"2026-11-0{day}T01:00:00Z") for day in (1, 3, 2)}
    api, address = Api(app, Role.VIEWER), f"/instances/{instance.id}/backups?page_size=2"
    first = api.get(address).json
    second = api.get(f"{address}&cursor={first['next']}").json

    assert [[each["name"] for each in page["items"]] for page in (first, second)] == [
        [names[3], names[2]],
        [names[1]],
    ]
    assert second["next"] is None


def test_all_that_the_store_holds_can_be_chosen_however_much_has_expired_since(
    app: Flask, instance: Instance, layout: Layout
) -> None:
    backed_up(instance, "2026-01-01T01:00:00Z")
    backed_up(instance, "2026-11-01T01:00:00Z")
    with superuser(layout, "test") as connection:
        connection.execute(EXPIRED)

    page = Visitor(app, Role.OPERATOR).get(f"/instances/{instance.id}").text

    offered = re.search(r'<select[^>]*name="backup_id".*?</select>', page, re.DOTALL)
    assert offered
    kept = db.session.scalars(text("SELECT id FROM backup WHERE expired_at IS NULL ORDER BY taken_at DESC"))
    assert re.findall(r'value="([\w-]{36})"', offered[0]) == [str(each) for each in kept]


def test_a_backup_that_was_not_kept_is_not_in_the_register(app: Flask, instance: Instance) -> None:
    factories.asked_to(Action.BACK_UP, instance.id)
    factories.carried_out(End.FAILED, report={"backup": {"path": "/srv/host/backups/a/taken-1"}})

    assert Api(app, Role.VIEWER).get(f"/instances/{instance.id}/backups").json["items"] == []
    assert db.session.get_one(Instance, instance.id).state == "active"


def test_what_no_rule_keeps_is_named_to_the_next_run_and_leaves_the_register_with_the_store(
    app: Flask, instance: Instance
) -> None:
    morning, noon = backed_up(instance, "2026-11-24T06:00:00Z"), backed_up(instance, "2026-11-24T12:00:00Z")
    job = factories.asked_to(Action.BACK_UP, instance.id)
    with transaction():
        batch = claiming.claim("worker", [SITE], 0, most=1)
        assert batch
        wanted = variables.order(batch).instances[instance.short_id]["backups"]["expired"]
    report = factories.stored(job, "2026-11-24T18:00:00Z", [morning])
    factories.concluded(batch.claims[0], report=report)
    shown = Api(app, Role.VIEWER).get(f"/instances/{instance.id}/backups").json["items"]

    assert wanted == [morning]
    assert [(each["name"], each["expired_at"] is None) for each in shown] == [
        (report["backup"]["name"], True),
        (noon, True),
        (morning, False),
    ]


def test_a_proven_backup_says_when_and_the_health_of_the_copy_is_not_that_of_the_instance(
    app: Flask, instance: Instance
) -> None:
    backed_up(instance)
    factories.asked_to(Action.DRILL, instance.id)
    factories.carried_out(report={"health": "unhealthy", "active_version": "1.0", "proven": "x"})
    shown = Api(app, Role.VIEWER).get(f"/instances/{instance.id}").json

    assert shown["proven_at"]
    assert shown["health"] == "healthy"


def test_a_restore_goes_to_the_backup_that_was_named_and_to_its_release(app: Flask, instance: Instance) -> None:
    name = backed_up(instance)
    factories.asked_to(Action.UPDATE, instance.id, "2.0")
    factories.carried_out()
    [kept] = Api(app, Role.VIEWER).get(f"/instances/{instance.id}/backups").json["items"]
    answer = Api(app, Role.OPERATOR).post(
        f"/instances/{instance.id}/restore", json={"reason": "wrong file", "backup_id": kept["id"]}
    )
    told_to_run = order(instance).instances[instance.short_id]

    assert answer.status_code == 202, answer.text
    assert told_to_run["backup"] == {"id": kept["id"], "name": name, "sha256": "ab" * 32}
    assert (told_to_run["release"]["version"], told_to_run["release"]["previous_version"]) == ("1.0", "2.0")


def test_only_a_run_that_opens_a_backup_is_given_the_key_and_it_is_kept_out_of_what_the_run_says(
    instance: Instance,
) -> None:
    factories.asked_to(Action.BACK_UP, instance.id)
    keeping = order(instance)
    given = keeping.instances[instance.short_id]["backups"]
    key = (settings().state_dir / "keys" / "backups.age").read_text().strip()

    assert given["recipient"].startswith("age1")
    assert given["identity"] == ""
    assert key in keeping.secrets


@pytest.mark.parametrize("action", ["restore", "drill"])
def test_without_a_backup_nothing_is_restored(app: Flask, instance: Instance, action: str) -> None:
    answer = Api(app, Role.OPERATOR).post(f"/instances/{instance.id}/{action}", json={"reason": "test"})

    assert (answer.status_code, answer.json["code"]) == (409, "no-backup")


def test_the_backup_of_another_instance_is_refused(app: Flask, instance: Instance) -> None:
    other = factories.instance(factories.administration(), release="1.0")
    backed_up(other)
    [kept] = Api(app, Role.VIEWER).get(f"/instances/{other.id}/backups").json["items"]
    answer = Api(app, Role.OPERATOR).post(
        f"/instances/{instance.id}/restore", json={"reason": "test", "backup_id": kept["id"]}
    )

    assert (answer.status_code, answer.json["code"]) == (409, "no-backup")


def aged(instance: Instance, days: int) -> None:
    """The instance, and what is in the register, are so many days older."""
    with transaction() as session:
        for column in ("instance SET created_at = created_at", "backup SET taken_at = taken_at"):
            session.execute(text(f"UPDATE {column} - make_interval(days => :days)"), {"days": days})


def test_instances_without_a_backup_or_a_proof_for_too_long_are_found(app: Flask, instance: Instance) -> None:
    cared_for = factories.instance(factories.administration(), release="1.0")
    backed_up(cared_for, datetime.now(UTC).isoformat())
    api = Api(app, Role.VIEWER)

    def found(what: str) -> list[str]:
        return [each["id"] for each in api.get(f"/instances?overdue={what}").json["items"]]

    young = found("backup")
    aged(instance, 3)
    backed_up(cared_for, datetime.now(UTC).isoformat())
    without_backup = found("backup")
    aged(instance, 40)
    backed_up(cared_for, datetime.now(UTC).isoformat())
    without_proof = found("proof")
    factories.asked_to(Action.DRILL, cared_for.id)
    factories.carried_out(report={"proven": "x"})

    assert young == []
    assert without_backup == [str(instance.id)]
    assert set(without_proof) == {str(instance.id), str(cared_for.id)}
    assert found("proof") == [str(instance.id)]
