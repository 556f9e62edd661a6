"""Requests, jobs and their events.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE request (
        id uuid PRIMARY KEY,
        plan jsonb NOT NULL,
        digest text NOT NULL,
        reason text NOT NULL,
        requested_by uuid REFERENCES account (id),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        decision varchar(40) NOT NULL,
        policy text NOT NULL,
        decided_by uuid REFERENCES account (id),
        decided_at timestamptz,
        CONSTRAINT ck_request_decision CHECK (decision IN ('pending', 'approved', 'refused')),
        CONSTRAINT ck_request_reason CHECK (reason <> ''),
        CONSTRAINT ck_request_four_eyes CHECK (decided_by <> requested_by)
    );
    CREATE INDEX ix_request_created_at ON request (created_at DESC, id);
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON request
        FOR EACH ROW EXECUTE FUNCTION audit_record_change(
            'id', 'id', 'plan', 'digest', 'reason', 'requested_by', 'decision', 'policy', 'decided_by');

    CREATE TABLE idempotency_key (
        account_id uuid NOT NULL REFERENCES account (id),
        key text NOT NULL,
        body_hash bytea NOT NULL,
        status integer NOT NULL,
        body jsonb NOT NULL,
        location text,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (account_id, key)
    );

    CREATE TABLE job (
        id uuid PRIMARY KEY,
        instance_id uuid NOT NULL REFERENCES instance (id),
        administration_id uuid NOT NULL REFERENCES administration (id),
        request_id uuid NOT NULL REFERENCES request (id),
        action text NOT NULL,
        release_id uuid NOT NULL REFERENCES release (id),
        digest text NOT NULL,
        site text NOT NULL,
        state varchar(40) NOT NULL,
        retry_safe boolean NOT NULL,
        attempt integer NOT NULL,
        max_attempts integer NOT NULL,
        timeout integer NOT NULL,
        queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        started_at timestamptz,
        deadline timestamptz,
        finished_at timestamptz,
        owner text,
        fence bigint,
        lease_until timestamptz,
        cancel_requested_at timestamptz,
        cause text,
        report jsonb NOT NULL,
        events_emitted integer NOT NULL,
        events_stored integer NOT NULL,
        CONSTRAINT ck_job_state CHECK (state IN ('queued', 'running', 'quiescing', 'needs_attention', 'succeeded',
            'failed', 'cancelled', 'timed_out')),
        CONSTRAINT ck_job_lease CHECK ((state IN ('running', 'quiescing')) = (lease_until IS NOT NULL)),
        CONSTRAINT ck_job_finished CHECK (
            (state IN ('succeeded', 'failed', 'cancelled', 'timed_out')) = (finished_at IS NOT NULL))
    );
    CREATE UNIQUE INDEX uq_job_one_open ON job (instance_id)
        WHERE state IN ('queued', 'running', 'quiescing', 'needs_attention');
    CREATE INDEX ix_job_queue ON job (site, queued_at, id) WHERE state = 'queued';
    CREATE INDEX ix_job_lease ON job (lease_until) WHERE lease_until IS NOT NULL;
    CREATE INDEX ix_job_instance_id ON job (instance_id, queued_at DESC);
    CREATE INDEX ix_job_queued_at ON job (queued_at DESC, id);
    CREATE INDEX ix_job_request_id ON job (request_id);
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON job
        FOR EACH ROW EXECUTE FUNCTION audit_record_change(
            'id', 'id', 'instance_id', 'request_id', 'action', 'release_id', 'state', 'attempt', 'cause');

    CREATE TABLE fence (
        instance_id uuid PRIMARY KEY REFERENCES instance (id),
        value bigint NOT NULL
    );

    CREATE TABLE job_event (
        job_id uuid NOT NULL REFERENCES job (id),
        attempt integer NOT NULL,
        counter integer NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        kind text NOT NULL,
        play text NOT NULL,
        role text NOT NULL,
        task text NOT NULL,
        host text NOT NULL,
        changed boolean NOT NULL,
        stdout text NOT NULL,
        result jsonb NOT NULL,
        PRIMARY KEY (job_id, attempt, counter)
    );
    """)
