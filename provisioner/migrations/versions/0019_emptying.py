"""A run moves instances to one host; a host that shall be empty is emptied until it is.

Revision ID: 0019
"""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.execute("""
    ALTER TABLE job ADD CONSTRAINT ck_job_moves_elsewhere CHECK (target_host_id <> host_id);
    -- What may go into one run, in the order of the queue.
    DROP INDEX ix_job_companions;
    CREATE INDEX ix_job_companions ON job (host_id, coalesce(target_host_id, host_id), app_id, action, release_id,
        background, queued_at, id) WHERE state = 'queued';

    CREATE TABLE emptying (
        host_id uuid PRIMARY KEY REFERENCES host (id),
        reason text NOT NULL,
        account_id uuid REFERENCES account (id),
        on_behalf_of text,
        since timestamptz NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT ck_emptying_reason CHECK (reason <> '')
    );
    INSERT INTO emptying (host_id, reason, account_id, on_behalf_of)
        SELECT host.id, coalesce(asked.reason, 'The server shall be empty.'), asked.actor_id, asked.on_behalf_of
        FROM host LEFT JOIN LATERAL (
            SELECT * FROM audit_event WHERE (object_type, object_id, action) = ('host', host.id::text, 'host.drain')
            ORDER BY id DESC LIMIT 1
        ) AS asked ON true
        WHERE host.state = 'draining';
    """)
