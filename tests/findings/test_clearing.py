"""What is taken away from hosts: what moved instances left there, what nobody comes for, and by two looks at once."""

from typing import Any

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.db import db, transaction
from provisioner.findings import queries, service
from provisioner.findings.lifecycle import FindingState
from provisioner.hosts.models import Host, HostState
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs.models import Job
from tests import factories
from tests.factories import Api
from tests.findings.looks import begun, found, kinds, looked, report, time_passes
from tests.visitors import Visitor

WHY = {"reason": "left over"}
COPY = "/srv/host/cleared/stray00001-x"


@pytest.fixture
def administrator(app: Flask) -> Api:
    return Api(app, Role.ADMINISTRATOR)


@pytest.fixture
def elsewhere(host: Host) -> Host:
    return factories.host("elsewhere", ports=(30000, 30999))


@pytest.fixture
def left(host: Host, elsewhere: Host, instance: Instance) -> Any:
    """What an instance left on its host that has moved away from there."""
    with transaction():
        db.session.get_one(Instance, instance.id).host_id = elsewhere.id
    looked(host, report(instance, services={}, databases=[], roles=[]))
    (finding,) = found()
    return finding


@pytest.fixture
def stray(host: Host, administrator: Api) -> Any:
    """A folder that nobody knows, and that is to be taken away."""
    looked(host, report(folders={"instances": ["stray00001"]}))
    (finding,) = found()
    assert administrator.post(f"/findings/{finding.id}/remove", json=WHY).json["state"] == "clearing"
    return finding


def cleared(look: service.Look, **told: Any) -> Any:
    with transaction():
        service.cleared(look, told)
    [kept] = found(None)
    return kept.state, kept.outcome


def test_what_an_instance_left_on_its_former_host_is_taken_away(host: Host, left: Any, administrator: Api) -> None:
    answer = administrator.post(f"/findings/{left.id}/remove", json=WHY)

    assert answer.status_code == 200, answer.text
    assert [thing["finding"] for thing in begun(host).clearing] == [str(left.id)]


def test_nothing_is_taken_away_from_where_an_instance_is_about_to_come(
    host: Host, left: Any, administrator: Api
) -> None:
    assert administrator.post(f"/findings/{left.id}/remove", json=WHY).json["state"] == "clearing"
    job = factories.asked_to(Action.CHECK, left.instance_id)
    with transaction():
        db.session.get_one(Job, job.id).target_host_id = host.id  # as that of a move back

    assert begun(host).clearing == []


def test_what_nobody_comes_for_can_be_let_be(app: Flask, host: Host, stray: Any) -> None:
    with transaction():
        db.session.get_one(Host, host.id).state = HostState.RETIRED
    operator = Visitor(app, Role.OPERATOR)
    assert ">Ignore<" in operator.get("/findings?state=clearing").text
    assert ">Take away<" not in operator.get("/findings?state=clearing").text

    operator.post(f"/findings/{stray.id}/ignore", reason="the server is gone", until="2099-01-31")

    assert kinds(FindingState.IGNORED) == {("unknown_instance", "stray00001")}


def test_where_the_last_copy_lies_is_kept_though_somebody_else_began_to_look_meanwhile(host: Host, stray: Any) -> None:
    slow = begun(host)
    time_passes()
    second = begun(host)
    assert second.clearing == slow.clearing

    first_refused = cleared(slow, refused={str(stray.id): "Permission denied"})
    nothing_there = cleared(second, cleared={str(stray.id): ""})
    at_last = cleared(slow, cleared={str(stray.id): COPY})

    assert first_refused == (FindingState.CLEARING, None)
    assert nothing_there == (FindingState.SETTLED, "")
    assert at_last == (FindingState.SETTLED, COPY)


def test_what_was_let_be_while_it_was_taken_away_is_settled_with_its_last_copy(
    app: Flask, host: Host, stray: Any
) -> None:
    look = begun(host)
    Api(app, Role.OPERATOR).post(f"/findings/{stray.id}/ignore", json={**WHY, "until": "2099-01-31"})

    assert cleared(look, cleared={str(stray.id): COPY}) == (FindingState.SETTLED, COPY)


def test_an_ignored_finding_of_a_host_that_is_looked_at_again_stays_ignored(app: Flask, host: Host, stray: Any) -> None:
    Api(app, Role.OPERATOR).post(f"/findings/{stray.id}/ignore", json={**WHY, "until": "2099-01-31"})

    look = begun(host)
    looked(host, report(folders={"instances": ["stray00001"]}), look)

    assert look.clearing == []
    assert queries.by_id(stray.id).state is FindingState.IGNORED
