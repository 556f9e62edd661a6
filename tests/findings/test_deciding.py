"""What people decide on findings, through the API and on the command line."""

import json
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import text

from provisioner.accounts.policy import Role
from provisioner.audit.models import AuditEvent
from provisioner.db import db, transaction
from provisioner.findings import queries, service
from provisioner.findings.cli import findings, survey_host
from provisioner.findings.lifecycle import FindingState
from provisioner.hosts.models import Host
from provisioner.instances.lifecycle import Action, State
from provisioner.instances.models import Instance
from provisioner.reports.sentences import sentence
from tests import factories
from tests.factories import Api
from tests.findings.looks import begun, found, kinds, looked, report

WHY = {"reason": "seen at night"}


@pytest.fixture
def operator(app: Flask) -> Api:
    return Api(app, Role.OPERATOR)


@pytest.fixture
def administrator(app: Flask) -> Api:
    return Api(app, Role.ADMINISTRATOR)


@pytest.fixture
def stray(host: Host) -> Any:
    """A folder that nobody knows."""
    looked(host, report(folders={"instances": ["stray00001"]}))
    return next(each for each in found() if each.subject == "stray00001")


def event(action: str) -> AuditEvent:
    return db.session.scalars(db.select(AuditEvent).where(AuditEvent.action == action)).one()


def test_findings_are_listed_narrowed_and_read_page_by_page(host: Host, operator: Api) -> None:
    looked(host, report(databases=["stray00001", "stray00002", "stray00003"], folders={"instances": ["stray00001"]}))

    first = operator.get("/findings?kind=unknown_database&page_size=2").json
    second = operator.get(f"/findings?kind=unknown_database&page_size=2&cursor={first['next']}").json

    assert sorted(each["subject"] for each in first["items"] + second["items"]) == [
        "stray00001", "stray00002", "stray00003",
    ]  # fmt: skip
    assert operator.get("/findings?state=gone").json["items"] == []
    assert operator.get("/findings?host=elsewhere").json["items"] == []
    assert operator.get("/findings?state=melting").status_code == 400


def test_a_repair_queues_the_ordinary_job_and_the_finding_is_decided(
    host: Host, instance: Instance, operator: Api
) -> None:
    looked(host, report(instance, services={}))
    (finding,) = found()

    answer = operator.post(f"/findings/{finding.id}/repair", key="one", json=WHY)

    assert answer.status_code == 202, answer.text
    assert answer.headers["Operation-Location"] == answer.headers["Location"] == f"/api/v1/jobs/{answer.json['job_id']}"
    job = factories.job(answer.json["job_id"])
    assert (job.action, job.instance_id) == (Action.RECONFIGURE, instance.id)
    assert (answer.json["state"], answer.json["decision"], answer.json["decider"]) == ("settled", "repair", "Amina")
    replayed = operator.post(f"/findings/{finding.id}/repair", key="one", json=WHY)
    assert (replayed.status_code, replayed.json) == (202, answer.json)
    assert replayed.headers["Idempotent-Replayed"] == "true"
    again = operator.post(f"/findings/{finding.id}/repair", json=WHY)
    assert (again.status_code, again.json["code"]) == (409, "finding-closed")
    assert "put in order" in sentence(_told("finding.repair"))


def _told(action: str) -> Any:
    """An event as the audit's page has it."""
    kept = event(action)
    kept.actor = "Amina"
    return kept


def test_a_dry_run_of_a_repair_leaves_nothing(host: Host, instance: Instance, operator: Api) -> None:
    looked(host, report(instance, services={}))
    (finding,) = found()
    before = factories.row_counts()

    foreseen = operator.post(f"/findings/{finding.id}/repair?dry_run=true", key=None, json=WHY)

    assert (foreseen.status_code, foreseen.json["state"], "Location" in foreseen.headers) == (200, "settled", False)
    assert operator.post(f"/findings/{finding.id}/repair", key=None, json=WHY).json["code"] == "idempotency-key-missing"

    assert factories.row_counts() == before
    assert len(found()) == 1


def test_a_repair_that_did_not_help_is_a_new_finding(host: Host, instance: Instance, operator: Api) -> None:
    looked(host, report(instance, services={}))
    (finding,) = found()
    operator.post(f"/findings/{finding.id}/repair", json=WHY)
    assert looked(host, report(instance, services={})) == 0  # its job is open
    factories.carried_out()

    looked(host, report(instance, services={}))

    (new,) = found()
    assert new.id != finding.id


def test_data_that_is_gone_is_repaired_from_a_backup_and_without_one_not_at_all(
    host: Host, instance: Instance, operator: Api
) -> None:
    looked(host, report(instance, folders={"instances": []}))
    (finding,) = found()

    refused = operator.post(f"/findings/{finding.id}/repair", json=WHY)

    assert (refused.status_code, refused.json["code"]) == (409, "no-backup")
    assert kinds() == {("missing_instance", instance.short_id)}


def test_a_release_that_the_host_has_is_adopted(host: Host, instance: Instance, operator: Api) -> None:
    told = report(instance)
    told["services"][instance.short_id]["serves"] = "complaints-2.0"
    looked(host, told)
    (finding,) = found()

    answer = operator.post(f"/findings/{finding.id}/adopt", json=WHY)

    assert answer.json["state"] == "settled", answer.text
    assert operator.get(f"/instances/{instance.id}").json["applied"] == "2.0"
    assert looked(host, told) == 0
    assert event("instance.adopt_release").after == {"release": "2.0"}


def test_what_is_no_release_of_the_app_is_not_adopted(host: Host, instance: Instance, operator: Api) -> None:
    told = report(instance)
    told["services"][instance.short_id]["serves"] = "portal-2.0"
    looked(host, told)
    (finding,) = found()

    refused = operator.post(f"/findings/{finding.id}/adopt", json=WHY)

    assert (refused.status_code, refused.json["code"]) == (409, "finding-not-decidable")
    assert "portal-2.0" in refused.json["detail"]


@pytest.mark.parametrize("decision", ["repair", "adopt"])
def test_what_nobody_knows_is_neither_repaired_nor_adopted(stray: Any, administrator: Api, decision: str) -> None:
    refused = administrator.post(f"/findings/{stray.id}/{decision}", json=WHY)

    assert (refused.status_code, refused.json["code"]) == (409, "finding-not-decidable")


def test_what_belongs_to_an_instance_is_not_taken_away(host: Host, instance: Instance, administrator: Api) -> None:
    looked(host, report(instance, services={}))
    (finding,) = found()

    assert administrator.post(f"/findings/{finding.id}/remove", json=WHY).json["code"] == "finding-not-decidable"


def test_what_nobody_knows_is_taken_away_by_the_next_look_which_is_at_once(
    host: Host, stray: Any, administrator: Api
) -> None:
    answer = administrator.post(f"/findings/{stray.id}/remove", json=WHY)
    assert (answer.json["state"], queries.due_sites()) == ("clearing", [factories.SITE]), answer.text
    with transaction() as session:
        look = service.begin([factories.SITE])
        assert look
        session.flush()
        session.expunge(look.host)

    with transaction():
        service.cleared(look, {"cleared": {str(stray.id): "/srv/host/cleared/stray00001-x"}, "refused": {}})
    looked(host, report(), look)

    assert look.clearing == [{"finding": str(stray.id), "kind": "unknown_instance", "name": "stray00001"}]
    kept = queries.by_id(stray.id)
    assert (kept.state, kept.outcome) == (FindingState.SETTLED, "/srv/host/cleared/stray00001-x")


def test_what_could_not_be_taken_away_is_open_again_and_says_why(host: Host, stray: Any, administrator: Api) -> None:
    administrator.post(f"/findings/{stray.id}/remove", json=WHY)
    look = begun(host)

    with transaction():
        service.cleared(look, {"cleared": {}, "refused": {str(stray.id): "Permission denied"}})

    kept = queries.by_id(stray.id)
    assert (kept.state, kept.outcome) == (FindingState.OPEN, "Permission denied")
    assert "could not be taken away" in sentence(_told("finding.clear"))


def test_a_run_that_could_not_clear_anything_leaves_all_of_it_open(host: Host, stray: Any, administrator: Api) -> None:
    administrator.post(f"/findings/{stray.id}/remove", json=WHY)
    look = begun(host)

    with transaction():
        service.cleared(look, {})

    assert kinds() == {("unknown_instance", "stray00001")}


def test_a_name_that_became_an_instance_s_is_left_where_it_is(
    host: Host, instance: Instance, administrator: Api
) -> None:
    with transaction() as session:
        session.execute(text("UPDATE instance SET state = 'removed'"))
    looked(host, report(instance, services={}, databases=[], roles=[]))
    (finding,) = found()
    assert administrator.post(f"/findings/{finding.id}/remove", json=WHY).json["state"] == "clearing"
    with transaction():
        db.session.get_one(Instance, instance.id).state = State.ACTIVE

    assert begun(host).clearing == []


def test_who_operates_decides_but_takes_nothing_away_and_who_reads_decides_nothing(
    app: Flask, stray: Any, operator: Api
) -> None:
    assert operator.post(f"/findings/{stray.id}/remove", json=WHY).status_code == 403
    for decision in ("repair", "adopt", "remove", "ignore"):
        assert Api(app, Role.VIEWER).post(f"/findings/{stray.id}/{decision}", json=WHY).status_code == 403


def test_what_is_ignored_is_open_again_after_its_time_if_it_is_still_there(
    host: Host, stray: Any, operator: Api
) -> None:
    told = report(folders={"instances": ["stray00001"]})
    until = (queries.now() + timedelta(days=7)).isoformat()
    assert operator.post(f"/findings/{stray.id}/ignore", json={**WHY, "until": until}).json["state"] == "ignored"
    looked(host, told)
    assert found() == []

    with transaction() as session:
        session.execute(text("UPDATE finding SET ignored_until = clock_timestamp()"))
    looked(host, told)

    assert kinds() == {("unknown_instance", "stray00001")}
    assert [each.id for each in found(None)] == [stray.id]


def test_nothing_is_ignored_until_the_past(stray: Any, operator: Api) -> None:
    refused = operator.post(f"/findings/{stray.id}/ignore", json={**WHY, "until": "2026-01-01"})

    assert [fault["pointer"] for fault in refused.json["errors"]] == ["/until"]


def run(*arguments: str) -> Any:
    done = CliRunner().invoke(findings, [*arguments, "--output", "json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_commands_list_and_decide(host: Host, instance: Instance, stray: Any) -> None:
    assert [each["subject"] for each in run("list", "--kind", "unknown_instance")] == ["stray00001"]
    ignored = run("ignore", str(stray.id), "--until", "2099-01-31", "--reason", "known")
    assert (ignored["state"], ignored["decider"]) == ("ignored", None)
    assert run("remove", str(stray.id), "--reason", "enough")["state"] == "clearing"
    assert run("list", "--state", "clearing", "--host", host.name)[0]["id"] == str(stray.id)
    looked(host, report(instance, services={}))
    (missing,) = run("list", "--kind", "missing_service")
    assert run("repair", missing["id"], "--reason", "night")["job_id"]


def test_a_command_that_wishes_for_a_look_waits_for_it_and_says_so_if_nobody_comes(host: Host) -> None:
    with pytest.raises(service.NotLookedYet):
        CliRunner().invoke(survey_host, [host.name, "--wait", "0"], catch_exceptions=False)

    assert queries.due_sites() == [factories.SITE]


def test_programs_wish_for_a_look_and_see_what_the_last_one_saw(host: Host, operator: Api, app: Flask) -> None:
    assert operator.get(f"/hosts/{host.name}/survey").status_code == 404
    assert Api(app, Role.VIEWER).post(f"/hosts/{host.name}/survey").status_code == 403
    assert operator.post(f"/hosts/{host.name}/survey").status_code == 202

    looked(host, report())

    assert operator.get(f"/hosts/{host.name}/survey").json["facts"]["python"] == "3.12.1"
