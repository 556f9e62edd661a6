"""Every queued job says why it waits."""

from uuid import UUID

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.db import transaction
from provisioner.hosts import service as breaker
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs import queries, waiting
from provisioner.jobs.lifecycle import End, Waiting
from provisioner.jobs.waiting import Wait
from provisioner.workers import service as workers
from provisioner.workers.lifecycle import DrainScope
from tests import factories
from tests.visitors import Visitor


def why(job_id: UUID) -> Wait | None:
    return waiting.why(queries.detail(job_id))


@pytest.fixture
def estate(app: Flask) -> None:
    factories.worker()
    factories.host(slots=1)
    factories.app(concurrency=2)


@pytest.fixture
def provisioned(estate: None) -> Instance:
    return factories.instance(factories.administration(), release="1.0")


def test_the_next_one_waits_for_a_worker_and_others_for_their_turn(estate: None) -> None:
    first, second = (factories.asked(factories.administration().id) for _ in range(2))

    assert why(first.id) == Wait(Waiting.TURN)
    assert why(second.id) == Wait(Waiting.TURN, ahead=1)


def test_what_does_not_wait_gives_no_reason(estate: None) -> None:
    job = factories.asked(factories.administration().id)
    factories.claimed()

    assert why(job.id) is None


@pytest.mark.parametrize(("scope", "name"), [(DrainScope.SERVICE, ""), (DrainScope.SITE, factories.SITE)])
def test_a_drain_is_told_with_its_reason(estate: None, scope: DrainScope, name: str) -> None:
    job = factories.asked(factories.administration().id)
    with transaction():
        workers.drain(scope, name, "new kernel tonight")

    assert why(job.id) == Wait(Waiting.DRAINING, name, explanation="new kernel tonight")


def test_a_site_without_a_worker_is_told(app: Flask) -> None:
    factories.host()
    factories.app()
    factories.worker("far", ("elsewhere",))
    job = factories.asked(factories.administration().id)

    assert why(job.id) == Wait(Waiting.NO_WORKER, factories.SITE)


def test_a_worker_that_is_drained_serves_no_site(estate: None) -> None:
    job = factories.asked(factories.administration().id)
    with transaction():
        workers.drain(DrainScope.WORKER, "worker", "test")

    assert why(job.id) == Wait(Waiting.NO_WORKER, factories.SITE)


def test_a_parked_host_and_the_pause_after_it_are_told(estate: None) -> None:
    job = factories.asked(factories.administration().id)
    factories.concluded(factories.claimed(), End.UNREACHABLE, touched=False)
    parked = why(job.id)
    with transaction():
        breaker.reopen(factories.job(job.id).host_id)

    paused = why(job.id)

    assert parked
    assert paused
    assert (parked.reason, parked.what) == (Waiting.HOST_PARKED, "server")
    assert (paused.reason, paused.until) == (Waiting.LATER, factories.job(job.id).not_before)


def test_a_check_that_is_being_stopped_for_it_is_told(provisioned: Instance) -> None:
    factories.asked_to(Action.CHECK, provisioned.id, background=True)
    factories.claimed()

    update = factories.asked_to(Action.UPDATE, provisioned.id)

    assert why(update.id) == Wait(Waiting.INSTANCE_BUSY, "check")


def test_full_slots_are_told(estate: None) -> None:
    factories.asked(factories.administration().id)
    factories.claimed()
    job = factories.asked(factories.administration().id)

    assert why(job.id) == Wait(Waiting.HOST_SLOTS, "server")


def test_the_page_says_it_in_every_language(app: Flask, estate: None) -> None:
    job = factories.asked(factories.administration().id)
    with transaction():
        workers.drain(DrainScope.SERVICE, "", "<b>new kernel</b>")

    pages = {
        language: Visitor(app, Role.VIEWER, language=language).get(f"/jobs/{job.id}").text
        for language in ("ar", "fr", "en")
    }

    assert "Nothing new is begun in the whole service" in pages["en"]
    assert all("&lt;b&gt;new kernel&lt;/b&gt;" in page for page in pages.values())
