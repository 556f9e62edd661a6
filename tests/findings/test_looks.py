"""What becomes of what a look at a host saw."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask

from provisioner.audit.models import AuditEvent
from provisioner.db import db, transaction
from provisioner.findings import queries, service
from provisioner.findings.lifecycle import FindingState, next_look
from provisioner.hosts import service as hosts
from provisioner.hosts.models import Connection, Host
from provisioner.hosts.service import Registration
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from tests import factories
from tests.findings.looks import begun, found, kinds, looked, report, time_passes


def test_a_host_in_order_has_no_findings_and_its_facts_are_known(host: Host, instance: Instance) -> None:
    assert looked(host, report(instance)) == 0

    seen = queries.survey(host.name)
    assert (found(None), seen.failure) == ([], None)
    assert seen.facts["postgres"] == "15.4"
    assert (seen.facts["instances"], seen.facts["runtimes"]) == (1, ["complaints-1.0"])


def test_what_differs_is_opened_once_refreshed_by_later_looks_and_closed_when_it_is_gone(
    host: Host, instance: Instance
) -> None:
    off = report(instance, services={}, databases=["stray00001"])
    looked(host, off)
    first = found()
    looked(host, off)
    second = found()
    looked(host, report(instance))

    assert kinds(FindingState.GONE) == {
        ("missing_service", instance.short_id),
        ("unknown_database", "stray00001"),
    }
    assert {each.id for each in first} == {each.id for each in second}
    assert all(new.last_seen > old.last_seen for new, old in zip(second, first, strict=True))
    assert found() == []


def test_a_difference_that_comes_back_is_a_finding_of_its_own(host: Host, instance: Instance) -> None:
    for told in (report(instance, services={}), report(instance), report(instance, services={})):
        looked(host, told)

    assert len(found(FindingState.GONE)) == len(found()) == 1


def test_a_look_is_audited_where_it_found_something_new_and_only_there(host: Host, instance: Instance) -> None:
    for _ in range(2):
        looked(host, report(instance, services={}))
    looked(host, report(instance))

    told = db.session.scalars(
        db.select(AuditEvent).where(AuditEvent.action == "host.survey").order_by(AuditEvent.id)
    ).all()
    assert [(event.after["found"], event.after["gone"]) for event in told] == [(1, 0), (0, 1)]


def test_what_an_open_job_may_be_changing_is_no_finding_and_closes_none(host: Host, instance: Instance) -> None:
    looked(host, report(instance, services={}))
    factories.asked_to(Action.CHECK, instance.id)

    looked(host, report(instance, folders={"instances": []}))

    assert kinds() == {("missing_service", instance.short_id)}


def test_what_a_job_changed_while_the_host_was_looked_at_is_no_finding(host: Host, instance: Instance) -> None:
    look = begun(host)
    factories.asked_to(Action.CHECK, instance.id)
    factories.carried_out()

    assert looked(host, report(instance, services={}), look) == 0
    assert looked(host, report(instance, services={})) == 1


def test_files_that_the_last_check_found_changed_are_a_finding_until_they_are_put_right(
    host: Host, instance: Instance
) -> None:
    factories.asked_to(Action.CHECK, instance.id)
    factories.carried_out(report={"health": "healthy", "drift": ["files: portal.ini differs"]})
    looked(host, report(instance))
    (finding,) = found()
    factories.asked_to(Action.RECONFIGURE, instance.id)
    factories.carried_out()
    looked(host, report(instance))

    assert (finding.kind, finding.detail) == ("changed_files", {"changes": ["files: portal.ini differs"]})
    assert found() == []


def test_after_a_finding_nothing_of_the_instance_counts_as_in_place(host: Host, instance: Instance) -> None:
    with transaction():
        db.session.get_one(Instance, instance.id).applied_digest = "all of it"

    looked(host, report(instance, services={}))

    db.session.expire_all()
    assert db.session.get_one(Instance, instance.id).applied_digest is None


def test_a_look_that_failed_leaves_the_findings_and_says_why(host: Host, instance: Instance) -> None:
    looked(host, report(instance, services={}))
    look = begun(host)

    with transaction():
        service.fail(look, "UNREACHABLE!")

    assert queries.survey(host.name).failure == "UNREACHABLE!"
    assert len(found()) == 1


def test_a_host_is_looked_at_by_one_worker_at_a_time_and_again_if_that_one_dies(host: Host) -> None:
    look = begun(host)
    with transaction():
        service.look_now(host.name)
        assert (service.begin([factories.SITE]), queries.due_sites()) == (None, [])
    time_passes()

    again = begun(host)

    assert looked(host, report(databases=["stray00001"]), look) == 0  # it woke up again: its word counts no more
    assert looked(host, report(databases=["stray00001"]), again) == 1


def test_a_wish_that_comes_during_a_look_is_not_lost(host: Host) -> None:
    look = begun(host)
    with transaction():
        service.look_now(host.name)

    looked(host, report(), look)

    assert queries.due_sites() == [factories.SITE]


def test_every_host_gets_its_place_in_the_night_once_it_is_prepared(host: Host) -> None:
    with transaction():
        hosts.register(Registration("bare", "127.0.0.2", Connection.SSH, factories.SITE, 3000, 3001, facts={}))
        service.plan()
        service.plan()

    planned = queries.survey(host.name).due_at
    assert queries.now() < planned < queries.now() + timedelta(hours=25)
    assert queries.due_sites() == []
    with pytest.raises(service.NotLookable):
        service.look_now("bare")


def test_a_parked_host_waits_until_it_answers_again(host: Host) -> None:
    with transaction():
        service.look_now(host.name)
        hosts.park(host.id)
    assert queries.due_sites() == []

    with transaction():
        hosts.reopen(host.id)

    assert queries.due_sites() == [factories.SITE]


@pytest.mark.parametrize("day", [1, 15, 28])
def test_looks_are_spread_over_the_night_each_at_the_same_time(app: Flask, day: int) -> None:
    noon = datetime(2026, 6, day, 12, tzinfo=UTC)
    looks = [next_look(UUID(int=(number << 124)), noon) for number in range(16)]

    assert looks == sorted(looks)
    assert looks[-1] - looks[0] == timedelta(hours=4) * 15 / 16
    assert {next_look(UUID(int=0), at) - at for at in looks[:1]} == {timedelta(days=1)}
