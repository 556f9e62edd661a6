"""Many at the same time on one database: no job twice, no cap exceeded, no slot lost, nobody waits for ever."""

import random
from collections import Counter
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from provisioner.db import db, transaction
from provisioner.instances import service as instances
from provisioner.jobs import claiming, recovery
from provisioner.jobs.attempts import Claim, Fenced, Outcome
from provisioner.jobs.lifecycle import End
from tests import factories
from tests.threads import in_threads

CLAIMERS, JOBS = 8, 24
# How many jobs hold a slot of each app and host, and how many may: asked inside the claim's own transaction.
HELD = text("""
    SELECT slot.scope, count(*) AS held, max(coalesce(host.slots, (app.manifest ->> 'concurrency')::integer)) AS most
    FROM slot LEFT JOIN host ON host.id = slot.owner_id LEFT JOIN app ON app.id = slot.owner_id
    WHERE slot.run_id IS NOT NULL GROUP BY slot.scope, slot.owner_id
""")
RUNNING = text("SELECT count(*) FROM job WHERE state IN ('running', 'quiescing')")
EXPIRE = text("""
    UPDATE job SET lease_until = clock_timestamp()
    WHERE id IN (SELECT id FROM job WHERE lease_until IS NOT NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
""")
SLOTS = text("SELECT count(*) FROM slot WHERE run_id IS NOT NULL")


@pytest.fixture
def queue(app: Flask) -> None:
    """Jobs of two apps on two hosts, with few slots for each."""
    factories.host("one", (20000, 20999), slots=2)
    factories.host("two", (21000, 21999), slots=3)
    for slug, concurrency in (("complaints", 2), ("open-data", 3)):
        factories.app(slug, concurrency=concurrency)
    for number in range(JOBS):
        factories.asked(factories.administration().id, ("complaints", "open-data")[number % 2])


def waiting() -> bool:
    with transaction() as session:
        return bool(session.scalar(text("SELECT EXISTS (SELECT FROM job WHERE finished_at IS NULL)")))


def caps() -> list[Any]:
    with transaction() as session:
        return list(session.execute(HELD))


def test_many_claimers_at_once_keep_every_cap_and_do_every_job_once(app: Flask, queue: None) -> None:
    claims: list[Claim] = []
    held: list[Any] = []
    refused: list[Claim] = []

    def work() -> None:
        while waiting():
            with transaction():
                claim = factories.claim("worker", [factories.SITE])
            held.extend(caps())
            if claim:
                claims.append(claim)
                try:
                    factories.concluded(claim)
                except Fenced:
                    refused.append(claim)

    in_threads(app, [work] * CLAIMERS)

    assert len(claims) == len({claim.job_id for claim in claims}) == JOBS
    assert refused == []
    assert {row.scope for row in held} == {"app", "host"}
    assert all(row.held <= row.most for row in held)
    assert max(Counter(row.held for row in held)) > 1, "several were at work at once"
    assert db.session.scalar(SLOTS) == 0


def test_claimers_reapers_and_cancellers_at_once_lose_no_slot(app: Flask, queue: None) -> None:
    ends = [End.SUCCEEDED, End.FAILED, End.BROKEN]

    def work(chance: random.Random) -> None:
        for _ in range(15):
            with transaction():
                claim = factories.claim("worker", [factories.SITE])
            if claim and chance.random() < 0.6:
                settle(claim, Outcome(chance.choice(ends), touched=True, report={}, events_emitted=0))

    def settle(claim: Claim, outcome: Outcome) -> None:
        try:
            with transaction():
                instances.conclude({claim: outcome})
        except Fenced:
            db.session.rollback()

    def reap() -> None:
        for _ in range(30):
            with transaction() as session:
                session.execute(EXPIRE)
            with transaction():
                recovery.reap()

    workers = [lambda seed=seed: work(random.Random(seed)) for seed in range(CLAIMERS)]
    in_threads(app, [*workers, reap, reap])

    assert db.session.scalar(SLOTS) == 2 * (db.session.scalar(RUNNING) or 0)
    assert all(row.held <= row.most for row in caps())


@pytest.mark.parametrize(("lets_go", "taken"), [(True, 4), (False, 3)])
def test_what_another_is_just_taking_is_left_to_him_but_not_for_ever(
    app: Flask, monkeypatch: pytest.MonkeyPatch, lets_go: bool, taken: int
) -> None:
    """Else the two of them would divide what one run can carry out."""
    factories.host()
    factories.app()
    jobs = [factories.asked(factories.administration().id) for _ in range(4)]
    with db.engine.connect() as other:
        other.execute(text("SELECT FROM job WHERE id = :first FOR UPDATE"), {"first": jobs[0].id})
        monkeypatch.setattr(claiming.time, "sleep", lambda _: other.commit() if lets_go else None)

        batch = claiming.claim("worker", [factories.SITE])

    assert batch
    assert len(batch.claims) == taken
