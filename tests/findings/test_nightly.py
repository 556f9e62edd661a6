"""Who looks at hosts by itself, and when."""

from importlib import import_module

import pytest
from flask import Flask

from provisioner.db import transaction
from provisioner.findings import queries, service
from provisioner.hosts.models import Host
from provisioner.workers import service as workers
from provisioner.workers.lifecycle import DrainScope
from tests import factories
from worker import surveys
from worker.nights import Nights


@pytest.fixture
def due(host: Host) -> Host:
    with transaction():
        service.look_now(host.name)
    return host


def test_the_dispatcher_gives_new_hosts_their_place_in_the_night(app: Flask, host: Host) -> None:
    Nights(app).look()

    assert queries.survey(host.name).due_at > queries.now()


def test_a_bell_rings_at_the_site_of_a_host_that_is_due(due: Host) -> None:
    doorbell = import_module("worker.doorbell")

    assert list(doorbell._due()) == [(due.site, "survey")]


def test_a_worker_of_another_site_leaves_the_host_alone(due: Host) -> None:
    surveys.look("worker", ["elsewhere"])

    assert queries.survey(due.name).began_at is None


@pytest.mark.parametrize(
    ("scope", "name"), [(DrainScope.SERVICE, ""), (DrainScope.SITE, factories.SITE), (DrainScope.WORKER, "worker")]
)
def test_where_nothing_is_begun_no_look_is_either(due: Host, scope: DrainScope, name: str) -> None:
    with transaction():
        workers.drain(scope, name, "new kernel")

    surveys.look("worker", [factories.SITE])

    assert queries.survey(due.name).began_at is None


def test_a_look_that_cannot_see_anything_says_why_and_comes_again_in_the_night(due: Host) -> None:
    surveys.look("worker", [due.site])  # its root is not there

    seen = queries.survey(due.name)
    assert "It could not be seen what the server has" in seen.failure or "required" in seen.failure
    assert seen.due_at > queries.now()
