"""Nights that open twice on a day, links that end with their secret, no removal of what serves, proofs by instance.

Revision ID: 0021
"""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.execute("""
    -- A window that is moved may open a second time on the day of a night that is over.
    ALTER TABLE night
        DROP CONSTRAINT night_pkey,
        ALTER COLUMN opens_on SET NOT NULL,
        ADD PRIMARY KEY (schedule_id, opens_at);

    -- A link that nobody has opened is for the secret that was there when it was made: it ends with that.
    CREATE OR REPLACE FUNCTION job_settle_secrets() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.state = 'succeeded' THEN
            UPDATE handover SET revoked_at = clock_timestamp() FROM instance_secret AS renewed
                WHERE renewed.job_id = NEW.id AND handover.opened_at IS NULL AND handover.revoked_at IS NULL
                AND handover.instance_id = renewed.instance_id AND handover.secret = renewed.name;
            DELETE FROM instance_secret AS former USING instance_secret AS renewed
                WHERE renewed.job_id = NEW.id AND former.job_id IS NULL
                AND former.instance_id = renewed.instance_id AND former.name = renewed.name;
            UPDATE instance_secret SET job_id = NULL WHERE job_id = NEW.id;
        ELSE
            DELETE FROM instance_secret WHERE job_id = NEW.id;
        END IF;
        RETURN NULL;
    END $$;

    -- A removal begins with a suspension: what serves and is not about to be suspended waits for none.
    UPDATE instance SET removal_due_at = NULL WHERE state = 'active' AND removal_due_at IS NOT NULL
        AND NOT EXISTS (SELECT FROM job WHERE job.instance_id = instance.id AND job.action = 'suspend'
            AND job.state IN ('queued', 'running', 'quiescing', 'needs_attention'));

    -- Proofs are few: who asks for instances without one need not read all backups that were ever taken.
    CREATE INDEX ix_backup_proven ON backup (instance_id, proven_at)
        WHERE expired_at IS NULL AND proven_at IS NOT NULL;
    """)
