"""A drained server is emptied until nothing is there, by itself, and tells what stays and why."""

import json
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import func, select

from provisioner.accounts.policy import Role
from provisioner.audit.models import AuditEvent
from provisioner.db import db, transaction
from provisioner.estate import emptying, service
from provisioner.estate.cli import hosts as commands
from provisioner.hosts import service as registry
from provisioner.hosts.models import HostState
from provisioner.instances import service as instances
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs.lifecycle import End, JobState, Resolution
from provisioner.jobs.models import Job
from provisioner.requests.models import Request
from tests import factories
from tests.factories import Api
from tests.threads import in_threads
from tests.visitors import Visitor
from worker.nights import Nights

pytestmark = pytest.mark.usefixtures("_common_store")


@pytest.fixture
def old(app: Flask) -> UUID:
    """A server that is to go; the app's instances are on it."""
    host = factories.host("old")
    factories.app()
    return host.id


def lodged(many: int = 1, app: str = "complaints") -> list[Instance]:
    return [factories.instance(factories.administration(), app, release="1.0") for _ in range(many)]


def drain(reason: str = "leaves in June") -> None:
    with transaction():
        service.turn("old", HostState.DRAINING, reason)


def look(app: Flask) -> None:
    """One round, as a dispatcher makes it every few seconds."""
    Nights(app).look()
    db.session.rollback()


def moves() -> list[Job]:
    db.session.expire_all()
    return list(db.session.scalars(select(Job).where(Job.action == Action.MOVE).order_by(Job.queued_at, Job.id)))


def approved() -> AuditEvent:
    """What the audit says of the newest request."""
    newest = select(AuditEvent).where(AuditEvent.action == "request.approve").order_by(AuditEvent.id.desc())
    return db.session.scalars(newest.limit(1)).one()


def told() -> Any:
    """What `provisioner hosts show` says of the drain."""
    done = CliRunner().invoke(commands, ["show", "old", "--output", "json"], catch_exceptions=False)
    return json.loads(done.stdout)["drain"]


def left() -> dict[str, int]:
    return {why: many for why, many in told()["left"].items() if many}


def test_all_that_is_there_is_asked_to_move_and_asked_once(app: Flask, old: UUID) -> None:
    there = lodged(3)
    factories.host("new")
    drain()

    look(app)
    look(app)

    assert {job.instance_id for job in moves()} == {each.id for each in there}
    assert len(moves()) == 3
    assert left() == {"moving": 3}
    for _ in there:
        factories.carried_out()
    look(app)
    shown = told()
    assert (shown["asked"], shown["moved"], left()) == (3, 3, {})
    with transaction():
        service.turn("old", HostState.RETIRED, "gone")
    assert told() is None


def test_what_a_job_holds_moves_when_that_has_ended(app: Flask, old: UUID) -> None:
    [instance] = lodged()
    factories.host("new")
    factories.asked_to(Action.UPDATE, instance.id)
    drain()

    look(app)

    assert moves() == []
    assert left() == {"busy": 1}
    factories.carried_out()
    look(app)
    assert [job.instance_id for job in moves()] == [instance.id]


def test_a_sweep_gives_way_to_a_drain(app: Flask, old: UUID) -> None:
    [instance] = lodged()
    factories.host("new")
    factories.asked_to(Action.CHECK, instance.id, background=True)
    drain()

    look(app)

    assert left() == {"moving": 1}


def test_what_fits_nowhere_moves_when_there_is_room(app: Flask, old: UUID) -> None:
    lodged(3)
    factories.host("new", memory_mb=64)
    drain()

    look(app)
    look(app)

    assert len(moves()) == 1
    assert db.session.scalar(select(func.count(Request.id)).where(Request.action == Action.MOVE)) == 1
    assert left() == {"moving": 1, "no_room": 2}
    assert told()["obstacles"] == ["No server has 64 MB of memory free."]
    with transaction():
        registry.change("new", {"memory_mb": 640}, "more memory")
    look(app)
    assert left() == {"moving": 3}


def test_what_failed_to_move_is_left_to_people_until_somebody_drains_again(app: Flask, old: UUID) -> None:
    [instance] = lodged()
    factories.host("new")
    drain()
    look(app)
    [first] = moves()
    back = {"health": "healthy", "active_version": "1.0", "moved": "back"}
    assert factories.concluded(factories.claimed(), End.FAILED, report=back) is JobState.FAILED

    look(app)

    assert len(moves()) == 1
    assert left() == {"failed": 1}
    page = Visitor(app, Role.VIEWER).get("/hosts/old").text
    assert f"/jobs/{first.id}" in page
    assert "These failed to move" in page
    drain("its disk was full")
    look(app)
    assert [job.instance_id for job in moves()] == [instance.id] * 2
    assert left() == {"moving": 1}


def test_a_move_that_was_cancelled_is_not_asked_again(app: Flask, old: UUID) -> None:
    lodged()
    factories.host("new")
    drain()
    look(app)
    with transaction():
        instances.cancel(moves()[0].id, "not today")

    look(app)

    assert len(moves()) == 1
    assert left() == {"failed": 1}


def test_a_move_that_needs_attention_is_told_as_failed_until_a_person_has_decided(app: Flask, old: UUID) -> None:
    lodged()
    factories.host("new")
    drain()
    look(app)
    assert factories.concluded(factories.claimed(), End.BROKEN) is JobState.NEEDS_ATTENTION

    look(app)

    assert left() == {"failed": 1}
    with transaction():
        instances.resolve(moves()[0].id, Resolution.SUCCEEDED, "it is there")
    assert (left(), told()["moved"]) == ({}, 1)


def test_it_asks_on_behalf_of_who_drained_and_with_that_reason(app: Flask, old: UUID) -> None:
    lodged()
    factories.host("new")
    api = Api(app, Role.ADMINISTRATOR)
    assert api.call("PATCH", "/hosts/old", json={"state": "draining", "reason": "leaves in June"}).status_code == 200

    look(app)

    assert api.account
    request = db.session.scalars(select(Request).where(Request.action == Action.MOVE)).one()
    assert (request.requested_by, request.reason) == (api.account.id, "leaves in June")
    event = approved()
    assert (event.actor_id, event.via, event.reason) == (api.account.id, "worker", "leaves in June")
    assert told()["by"] == api.get("/me").json["username"]


def test_a_shell_that_drained_is_named_as_well(app: Flask, old: UUID) -> None:
    lodged()
    factories.host("new")
    drain()
    look(app)

    event = approved()
    assert (event.actor_id, event.on_behalf_of, told()["by"]) == (None, "tests", "tests")


@pytest.mark.parametrize("state", [HostState.CORDONED, HostState.ACTIVE])
def test_nothing_more_is_asked_when_it_shall_not_be_empty_any_more(app: Flask, old: UUID, state: HostState) -> None:
    lodged()
    drain()
    with transaction():
        service.turn("old", state, "it stays")
    factories.host("new")

    look(app)

    assert moves() == []
    assert told() is None


def test_a_change_of_a_drained_server_does_not_drain_it_again(app: Flask, old: UUID) -> None:
    drain()
    since = told()["since"]

    with transaction():
        service.change("old", {"slots": 2}, "fewer")

    assert (told()["since"], told()["reason"]) == (since, "leaves in June")


def test_what_cannot_be_moved_as_it_is_keeps_nobody_else_there(app: Flask, old: UUID) -> None:
    factories.app("heavy", actions=["provision", "check"])
    lodged(1, "heavy")
    factories.asked(factories.administration().id)
    factories.carried_out(End.FAILED, report={})
    [instance] = lodged()
    factories.host("new")

    drain()
    look(app)

    assert [job.instance_id for job in moves()] == [instance.id]
    assert left() == {"moving": 1, "fixed": 2}
    assert told()["obstacles"] == ["heavy does not offer the action move."]


def test_one_look_asks_a_bounded_number_and_the_next_goes_on(
    app: Flask, old: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emptying, "AT_ONCE", 2)
    lodged(3)
    factories.host("new")
    drain()

    look(app)
    assert left() == {"moving": 2, "waiting": 1}
    look(app)
    assert left() == {"moving": 3}


def test_dispatchers_that_look_at_the_same_time_ask_once(app: Flask, old: UUID) -> None:
    lodged(4)
    factories.host("new")
    drain()

    in_threads(app, [Nights(app).look] * 3)

    assert len(moves()) == 4
    outcomes = db.session.scalars(select(Request.instances).where(Request.action == Action.MOVE)).all()
    assert outcomes == [4]


@pytest.mark.parametrize("language", ["ar", "fr", "en"])
def test_the_page_tells_how_far_it_has_come(app: Flask, old: UUID, language: str) -> None:
    lodged(2)
    factories.host("new", memory_mb=64)
    drain("<b>June</b>")
    look(app)

    page = Visitor(app, Role.VIEWER, language=language).get("/hosts/old").text

    assert 'id="drain"' in page
    assert "&lt;b&gt;June&lt;/b&gt;" in page
    table = CliRunner().invoke(commands, ["show", "old"], catch_exceptions=False).stdout
    assert "asked 1, moving 1, no room 1" in table
