"""What was seen before a job changed the instance is not decided on as if it were so still."""

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.findings.lifecycle import FindingState
from provisioner.hosts.models import Host
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from tests import factories
from tests.factories import Api
from tests.findings.looks import found, kinds, looked, report
from tests.visitors import Visitor

WHY = {"reason": "seen at night"}


@pytest.fixture
def operator(app: Flask) -> Api:
    return Api(app, Role.OPERATOR)


@pytest.mark.parametrize("decision", ["repair", "adopt"])
def test_a_finding_from_before_a_job_is_neither_repaired_nor_adopted_until_the_next_look(
    host: Host, instance: Instance, operator: Api, decision: str
) -> None:
    told = report(instance)
    told["services"][instance.short_id]["serves"] = "complaints-2.0"
    looked(host, told)
    (finding,) = found()
    factories.asked_to(Action.RECONFIGURE, instance.id)
    factories.carried_out()

    refused = operator.post(f"/findings/{finding.id}/{decision}", json=WHY)
    shown = operator.get(f"/findings/{finding.id}").json
    looked(host, told)
    decided = operator.post(f"/findings/{finding.id}/{decision}", json=WHY)

    assert (refused.status_code, refused.json["code"], shown["outdated"]) == (409, "finding-outdated", True)
    assert (decided.json["state"], decided.json["outdated"]) == ("settled", False), decided.text


def test_what_changes_nothing_leaves_a_finding_as_it_is(host: Host, instance: Instance, operator: Api) -> None:
    looked(host, report(instance, services={}))
    (finding,) = found()
    factories.asked_to(Action.CHECK, instance.id)
    factories.carried_out()

    assert operator.post(f"/findings/{finding.id}/repair", json=WHY).json["state"] == "settled"


def test_an_outdated_finding_can_be_ignored_and_its_page_says_why_no_more(
    app: Flask, host: Host, instance: Instance
) -> None:
    visitor = Visitor(app, Role.OPERATOR)
    looked(host, report(instance, services={}))
    (finding,) = found()
    assert ">Repair<" in visitor.get("/findings").text
    factories.asked_to(Action.RECONFIGURE, instance.id)
    factories.carried_out()

    page = visitor.get("/findings").text
    visitor.post(f"/findings/{finding.id}/ignore", reason="known", until="2099-01-31")

    assert "Look at the server again first" in page
    assert ">Repair<" not in page
    assert kinds(FindingState.IGNORED) == {("missing_service", instance.short_id)}
