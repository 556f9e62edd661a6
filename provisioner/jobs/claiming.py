"""Taking jobs from the queue: as many as one run can carry out, in one statement.

Time is always the database's clock. No function here commits.
"""

import time
from dataclasses import dataclass, fields
from uuid import uuid4

from sqlalchemy import text

from provisioner.audit import service as audit
from provisioner.config import settings
from provisioner.db import db
from provisioner.jobs.attempts import Claim
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.queries import UNFROZEN

# Two claimers may wish for the same slot, or for jobs that one run could carry out together: who gets nothing looks
# again, so many times, after that many seconds.
PAUSES = (0.02, 0.04, 0.08)
BATCH = 50  # jobs that one run carries out at most
UNREPEATABLE = 10  # the same for what may not be repeated: of a run that is lost, people look at those that had begun
FORKS = 8  # instances that one run acts on at once, if there are slots for it


@dataclass(frozen=True)
class Batch:
    """What one run carries out: the same action of one app, to one release, on instances of one host; if it moves them,
    all to one other.

    `forks`: on so many of them it may act at once, for so many slots were taken.
    """

    claims: tuple[Claim, ...]
    forks: int


# What may be taken now, wherever its turn is.
_DUE = f"""
    job.state = 'queued' AND (job.not_before IS NULL OR job.not_before <= clock_timestamp())
    AND job.instance_id <> ALL (ARRAY(SELECT acting.instance_id FROM job AS acting
        WHERE acting.state IN ('running', 'quiescing')))
    AND {UNFROZEN}
"""  # noqa: S608 - made of texts of ours
# Whoever broke a run, or was lost with one, goes alone: it shall break or lose nobody else.
_SOCIABLE = "({0}.cause IS NULL OR {0}.cause IN ('unreachable', 'not_begun'))"
# Where it ends: on the host where it is, or on the one to which it moves.
_TO = "coalesce(job.target_host_id, job.host_id)"
# Compared as a whole, so that only the index of just these columns can give the order.
_KIND = f"job.host_id, {_TO}, job.app_id, job.action, job.release_id, job.background"
_ITS_KIND = _KIND.replace("job.", "next.")
_FREE_OF_APP = """
    SELECT slot.* FROM slot JOIN next ON slot.owner_id = next.app_id JOIN app ON app.id = next.app_id
    WHERE slot.scope = 'app' AND slot.number <= (app.manifest ->> 'concurrency')::integer AND slot.run_id IS NULL
"""
_FREE_OF_HOST = """
    SELECT slot.* FROM next JOIN host ON host.id = {0} JOIN slot ON slot.owner_id = host.id
    WHERE slot.scope = 'host' AND slot.number <= host.slots AND slot.run_id IS NULL
"""
# A move takes slots of two hosts. All take those of the host that is first by its id before those of the other, which
# they leave to others where they got none: of two that bring instances to each other's host one gets both.
_FREE_OF_FIRST = _FREE_OF_HOST.format("least(next.host_id, next.target_host_id)")
_FREE_OF_OTHER = _FREE_OF_HOST.format("greatest(next.host_id, next.target_host_id)") + (
    "AND next.target_host_id IS NOT NULL"
)
# Per served site and app the first few that may begin; of them all the oldest that nobody else is just taking, and with
# it others that the same run can carry out. It takes half of the slots that are free: whoever comes next finds one.
# Only who has waited (`patient` no more) takes one whose like somebody else is just taking: it may belong to that run.
# Arrays and not joins say which hosts and instances are free, so that the queue is read in the order of its index, and
# no further than to the first few.
# Of moves a run has no more than it has slots: between its parts all wait for each other, and none is served meanwhile.
CLAIM = text(f"""
    WITH open_host AS MATERIALIZED (
        SELECT host.id FROM host WHERE host.parked_at IS NULL AND host.site = ANY (CAST(:sites AS text[]))
            AND NOT EXISTS (SELECT FROM drain WHERE (scope, name) = ('site', host.site))
            AND EXISTS (SELECT FROM slot WHERE scope = 'host' AND owner_id = host.id AND number <= host.slots
                AND slot.run_id IS NULL)
            AND NOT EXISTS (SELECT FROM slot WHERE scope = 'host' AND owner_id = host.id AND number > host.slots
                AND slot.run_id IS NOT NULL)
    ), candidate AS MATERIALIZED (
        SELECT first.* FROM unnest(CAST(:sites AS text[])) AS served (site)
        CROSS JOIN app
        CROSS JOIN LATERAL (
            SELECT job.id, job.background, job.queued_at, ({_KIND}) AS kind FROM job
            WHERE job.site = served.site AND job.app_id = app.id AND {_DUE}
                AND job.host_id = ANY (ARRAY(SELECT id FROM open_host))
                AND {_TO} = ANY (ARRAY(SELECT id FROM open_host))
            ORDER BY job.background, job.queued_at, job.id LIMIT 10
        ) AS first
        WHERE EXISTS (SELECT FROM open_host)
            AND EXISTS (SELECT FROM slot WHERE scope = 'app' AND owner_id = app.id
                AND number <= (app.manifest ->> 'concurrency')::integer AND slot.run_id IS NULL)
            AND NOT EXISTS (SELECT FROM slot WHERE scope = 'app' AND owner_id = app.id
                AND number > (app.manifest ->> 'concurrency')::integer AND slot.run_id IS NOT NULL)
            AND NOT EXISTS (SELECT FROM drain WHERE scope = 'service' OR (scope, name) = ('worker', :worker))
        ORDER BY first.background, first.queued_at, first.id LIMIT 20
    ), next AS MATERIALIZED (
        SELECT job.* FROM job JOIN (
            SELECT id, row_number() OVER (PARTITION BY kind ORDER BY queued_at, id) AS place FROM candidate
        ) AS placed USING (id)
        WHERE job.state = 'queued' AND (place = 1 OR NOT :patient)
        ORDER BY job.background, job.queued_at, job.id LIMIT 1
        FOR UPDATE OF job SKIP LOCKED
    ), companion AS MATERIALIZED (
        SELECT other.* FROM next CROSS JOIN LATERAL (
            SELECT job.id, job.instance_id FROM job
            WHERE ({_KIND}, job.queued_at, job.id) > ({_ITS_KIND}, next.queued_at, next.id)
                AND ({_KIND}, job.queued_at) <= ({_ITS_KIND}, 'infinity')
                AND (job.digest, job.retry_safe) = (next.digest, next.retry_safe)
                AND {_DUE} AND {_SOCIABLE.format("job")} AND {_SOCIABLE.format("next")}
            ORDER BY {_KIND}, job.queued_at, job.id
            LIMIT CASE WHEN next.retry_safe THEN :repeatable ELSE :unrepeatable END - 1
            FOR UPDATE OF job SKIP LOCKED
        ) AS other
    ), wish AS MATERIALIZED (
        SELECT least(:forks, 1 + (SELECT count(*) FROM companion),
            (1 + (SELECT count(*) FROM ({_FREE_OF_APP}) AS free)) / 2,
            (1 + (SELECT count(*) FROM ({_FREE_OF_FIRST}) AS free)) / 2,
            CASE WHEN (SELECT target_host_id FROM next) IS NOT NULL
                THEN (1 + (SELECT count(*) FROM ({_FREE_OF_OTHER}) AS free)) / 2 END) AS slots
    ), of_app AS MATERIALIZED (
        {_FREE_OF_APP} ORDER BY slot.number LIMIT (SELECT slots FROM wish) FOR UPDATE OF slot SKIP LOCKED
    ), of_first AS MATERIALIZED (
        {_FREE_OF_FIRST} ORDER BY slot.number LIMIT (SELECT count(*) FROM of_app) FOR UPDATE OF slot SKIP LOCKED
    ), of_other AS MATERIALIZED (
        {_FREE_OF_OTHER} ORDER BY slot.number LIMIT (SELECT count(*) FROM of_first) FOR UPDATE OF slot SKIP LOCKED
    ), width AS MATERIALIZED (
        SELECT least((SELECT count(*) FROM of_app), (SELECT count(*) FROM of_first),
            CASE WHEN (SELECT target_host_id FROM next) IS NOT NULL THEN (SELECT count(*) FROM of_other) END) AS slots
    ), taken AS (
        UPDATE slot SET run_id = :run FROM (
            SELECT *, row_number() OVER (PARTITION BY scope, owner_id ORDER BY number) AS place FROM (
                SELECT * FROM of_app UNION ALL SELECT * FROM of_first UNION ALL SELECT * FROM of_other
            ) AS locked
        ) AS free, width
        WHERE (slot.scope, slot.owner_id, slot.number) = (free.scope, free.owner_id, free.number)
            AND free.place <= width.slots
    ), granted AS MATERIALIZED (
        SELECT every.* FROM (
            SELECT id, instance_id FROM next UNION ALL (SELECT id, instance_id FROM companion LIMIT (
                SELECT CASE WHEN next.target_host_id IS NOT NULL THEN greatest(width.slots, 1) - 1 END FROM next, width
            ))
        ) AS every
        WHERE (SELECT slots FROM width) > 0
    ), fenced AS MATERIALIZED (
        UPDATE fence SET value = value + 1 WHERE instance_id = ANY (ARRAY(SELECT instance_id FROM granted))
        RETURNING instance_id, value
    ), held AS (
        UPDATE job SET
            state = 'running', attempt = attempt + 1, fence = fenced.value, owner = :owner, cause = NULL,
            run_id = :run, begun = false, lease_until = clock_timestamp() + make_interval(secs => :lease),
            started_at = coalesce(started_at, clock_timestamp()),
            deadline = clock_timestamp() + make_interval(
                secs => timeout * ceil((SELECT count(*) FROM granted) / (SELECT slots FROM width)::float)),
            not_before = NULL, events_emitted = 0, events_stored = 0
        FROM fenced WHERE job.id = ANY (ARRAY(SELECT id FROM granted)) AND job.instance_id = fenced.instance_id
        RETURNING job.id AS job_id, job.instance_id, job.action, job.attempt, job.fence, job.digest,
            job.administration_id, job.queued_at, (SELECT slots FROM width) AS forks
    )
    SELECT held.*, (SELECT count(*) FROM candidate) AS candidates FROM (SELECT) AS always LEFT JOIN held ON true
    ORDER BY held.queued_at, held.job_id
""")  # noqa: S608 - made of the texts above


def claim(worker: str, sites: list[str], process: int = 0, most: int = BATCH) -> Batch | None:
    """Take the oldest job that may begin at these sites, and up to `most` that its run can carry out as well, with
    slots, leases and the next fences; None where none may.
    """
    values = {
        "worker": worker,
        "owner": f"{worker}:{process}",
        "sites": sites,
        "lease": settings().lease,
        "repeatable": most,
        "unrepeatable": min(most, UNREPEATABLE),
        "forks": FORKS,
    }
    for pause in (*PAUSES, 0.0):
        rows = db.session.execute(CLAIM, values | {"run": uuid4(), "patient": pause > 0}).all()
        if rows[0].job_id:
            claims = tuple(Claim(*row[: len(fields(Claim))]) for row in rows)
            for held in claims:
                _record_claim(held)
            return Batch(claims, rows[0].forks)
        if not rows[0].candidates:
            break
        time.sleep(pause)
    return None


def _record_claim(held: Claim) -> None:
    audit.record(
        "job.claim",
        "job",
        held.job_id,
        administration_id=held.administration_id,
        job_id=held.job_id,
        outcome=JobState.RUNNING,
        after={"attempt": held.attempt},
    )
