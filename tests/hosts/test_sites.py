"""Servers of several sites: who carries out what has to do with two of them, and what goes nowhere for want of that."""

from uuid import UUID

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.db import transaction
from provisioner.estate import remaining, service
from provisioner.estate.remaining import Stay
from provisioner.hosts.models import Host, HostState
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.instances.placement import NoRoom
from provisioner.jobs import claiming, queries, waiting
from provisioner.jobs.lifecycle import Waiting
from provisioner.jobs.waiting import Wait
from provisioner.requests import service as requests
from provisioner.workers import service as workers
from provisioner.workers.lifecycle import DrainScope
from tests import factories
from tests.factories import SITE, Api
from worker.nights import Nights

pytestmark = pytest.mark.usefixtures("_common_store")


@pytest.fixture
def server(app: Flask) -> Host:
    """The only one for now."""
    factories.app()
    return factories.host(memory_mb=1000)


@pytest.fixture
def instance(server: Host) -> Instance:
    """On the server here; then there is one in Fès as well."""
    made = factories.instance(factories.administration(), release="1.0")
    assert made.host_id == server.id
    factories.host("fes-1", site="fes", memory_mb=1000)
    return made


def move(instance: Instance, to: str | None = None) -> UUID:
    with transaction():
        accepted = requests.ask(instance.id, Action.MOVE, "test", target=to)
        assert accepted
        return accepted.job.id


def takes(worker: str, *sites: str) -> bool:
    """Whether a worker of these sites finds something to do; if so, that is undone."""
    with transaction() as session:
        batch = claiming.claim(worker, list(sites))
        session.rollback()
    return batch is not None


def why(job_id: UUID) -> Wait | None:
    return waiting.why(queries.detail(job_id))


@pytest.mark.parametrize("to", ["fes-1", None])
def test_nothing_moves_to_where_no_worker_can_bring_it(instance: Instance, to: str | None) -> None:
    factories.worker("one", (SITE,))
    factories.worker("other", ("fes", "oujda"))

    with pytest.raises(NoRoom) as refused:
        move(instance, to)

    assert refused.value.details["hosts"] == [{"host": "fes-1", "reason": "site"}]
    assert refused.value.message % refused.value.details == (
        "No worker that serves the site here serves that of another server."
    )


def test_only_a_worker_of_both_sites_brings_an_instance_from_one_to_the_other(instance: Instance) -> None:
    factories.worker("between", (SITE, "fes"))
    move(instance)

    assert not takes("one", SITE)
    assert not takes("other", "fes", "oujda")
    assert takes("between", SITE, "fes")


def test_a_move_tells_that_it_waits_for_a_worker_of_both_sites(instance: Instance) -> None:
    factories.worker("between", (SITE, "fes"))
    job_id = move(instance)
    factories.worker("one", (SITE,))
    factories.worker("other", ("fes",))
    with transaction():
        workers.leave("between")

    assert why(job_id) == Wait(Waiting.NO_COMMON_WORKER, f"fes, {SITE}")


def test_a_move_waits_while_nothing_begins_at_the_site_that_it_goes_to(instance: Instance) -> None:
    factories.worker("between", (SITE, "fes"))
    job_id = move(instance)
    with transaction():
        workers.drain(DrainScope.SITE, "fes", "new cables")

    assert not takes("between", SITE, "fes")
    assert why(job_id) == Wait(Waiting.DRAINING, "fes", explanation="new cables")


def test_a_drained_server_keeps_what_no_worker_can_bring_elsewhere(
    app: Flask, server: Host, instance: Instance
) -> None:
    factories.worker("one", (SITE,))
    with transaction():
        service.turn("server", HostState.DRAINING, "leaves in June")
    Nights(app).look()

    progress = remaining.progress(server)

    assert progress
    assert progress.left == {Stay.NO_ROOM: 1}
    assert [each.message for each in progress.obstacles] == [
        "No worker that serves the site %(site)s serves that of another server."
    ]


def test_a_drained_server_that_is_the_only_one_keeps_what_it_has(app: Flask, server: Host) -> None:
    factories.instance(factories.administration(), release="1.0")
    with transaction():
        service.turn("server", HostState.DRAINING, "leaves in June")

    progress = remaining.progress(server)

    assert progress
    assert progress.left == {Stay.NO_ROOM: 1}
    assert [each.message for each in progress.obstacles] == ["No other server is registered."]


def test_a_move_is_proposed_only_to_where_a_worker_can_bring_the_instance(app: Flask, instance: Instance) -> None:
    def proposals() -> list[str]:
        return [each["to"] for each in Api(app, Role.VIEWER).get("/hosts/rebalance").json["items"]]

    factories.worker("one", (SITE,))
    with transaction():
        service.turn("server", HostState.DRAINING, "leaves in June")
    assert proposals() == []

    factories.worker("between", (SITE, "fes"))
    assert set(proposals()) == {"fes-1"}


def test_what_waits_for_a_server_goes_with_it_to_another_site(app: Flask, server: Host) -> None:
    factories.asked(factories.administration().id)
    with transaction():
        service.change("server", {"site": "sale"}, "it stands there now")
    assert not takes("old", SITE)
    assert not takes("new", "sale")

    Nights(app).look()

    assert not takes("old", SITE)
    assert takes("new", "sale")
