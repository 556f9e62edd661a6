"""One run carries out many jobs: slots belong to runs, and a job says whether its turn in the run has come.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("""
    ALTER TABLE job
        ADD COLUMN run_id uuid,
        ADD COLUMN begun boolean NOT NULL DEFAULT false;
    UPDATE job SET run_id = id, begun = true WHERE state IN ('running', 'quiescing');
    ALTER TABLE job ADD CONSTRAINT ck_job_runs CHECK (state NOT IN ('running', 'quiescing') OR run_id IS NOT NULL);
    CREATE INDEX ix_job_run ON job (run_id) WHERE state IN ('running', 'quiescing');
    -- What may go into one run, in the order of the queue.
    CREATE INDEX ix_job_companions ON job (host_id, app_id, action, release_id, background, queued_at, id)
        WHERE state = 'queued';

    DROP INDEX uq_slot_job;
    ALTER TABLE slot DROP CONSTRAINT slot_job_id_fkey;
    ALTER TABLE slot RENAME COLUMN job_id TO run_id;
    CREATE INDEX ix_slot_run ON slot (run_id) WHERE run_id IS NOT NULL;

    -- A run keeps its slots until the last of its jobs has ended. Whoever ends one of them waits here for the others
    -- who do, or each would see the other's job as still going on, and nobody would free the slots.
    CREATE OR REPLACE FUNCTION job_free_slots() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM slot WHERE run_id = NEW.run_id ORDER BY scope, owner_id, number FOR UPDATE;
        UPDATE slot SET run_id = NULL WHERE run_id = NEW.run_id
            AND NOT EXISTS (SELECT FROM job WHERE run_id = NEW.run_id AND state IN ('running', 'quiescing'));
        RETURN NULL;
    END $$;
    """)
