"""A period of history ends where the next one begins, and jobs are found by the run that carried them out.

Revision ID: 0011
"""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("""
    ALTER TABLE instance_period ADD COLUMN since timestamptz;
    UPDATE instance_period SET since = lower(valid);
    -- With the column go its key, the constraint that no two overlap, and the index of beginnings.
    ALTER TABLE instance_period DROP COLUMN valid CASCADE;
    ALTER TABLE instance_period ADD PRIMARY KEY (instance_id, since);

    -- The row lock of the update orders the writers, so the clock (not the start of the transaction) tells when.
    CREATE OR REPLACE FUNCTION instance_keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        newest timestamptz;
    BEGIN
        IF TG_OP = 'UPDATE' AND
           (OLD.state, OLD.host_id, OLD.address, OLD.desired_release_id, OLD.applied_release_id, OLD.settings)
           IS NOT DISTINCT FROM
           (NEW.state, NEW.host_id, NEW.address, NEW.desired_release_id, NEW.applied_release_id, NEW.settings)
        THEN RETURN NULL; END IF;
        SELECT max(since) INTO newest FROM instance_period WHERE instance_id = NEW.id;
        INSERT INTO instance_period
            (instance_id, since, state, host_id, address, desired_release_id, applied_release_id, settings)
        VALUES (NEW.id, greatest(clock_timestamp(), newest + interval '1 microsecond'), NEW.state, NEW.host_id,
            NEW.address, NEW.desired_release_id, NEW.applied_release_id, NEW.settings);
        RETURN NULL;
    END $$;

    -- Jobs are listed by their run long after it.
    DROP INDEX ix_job_run;
    CREATE INDEX ix_job_run ON job (run_id) WHERE run_id IS NOT NULL;
    """)
