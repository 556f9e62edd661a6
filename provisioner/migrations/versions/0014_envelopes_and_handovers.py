"""Secrets have data keys and versions; links by which one is handed over.

Revision ID: 0014
"""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute("""
    ALTER TABLE instance_secret
        ADD COLUMN version integer NOT NULL DEFAULT 1,
        ADD COLUMN job_id uuid REFERENCES job (id),
        ADD COLUMN wrap bytea,
        DROP CONSTRAINT instance_secret_pkey,
        ADD PRIMARY KEY (instance_id, name, version),
        ADD CONSTRAINT ck_instance_secret_version CHECK (version > 0);
    CREATE UNIQUE INDEX uq_instance_secret_in_place ON instance_secret (instance_id, name) WHERE job_id IS NULL;
    CREATE UNIQUE INDEX uq_instance_secret_to_come ON instance_secret (instance_id, name) WHERE job_id IS NOT NULL;
    CREATE INDEX ix_instance_secret_job_id ON instance_secret (job_id) WHERE job_id IS NOT NULL;

    -- However a rotation ends, and whoever ends it, its secrets are settled in the same transaction.
    CREATE FUNCTION job_settle_secrets() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.state = 'succeeded' THEN
            DELETE FROM instance_secret AS former USING instance_secret AS renewed
                WHERE renewed.job_id = NEW.id AND former.job_id IS NULL
                AND former.instance_id = renewed.instance_id AND former.name = renewed.name;
            UPDATE instance_secret SET job_id = NULL WHERE job_id = NEW.id;
        ELSE
            DELETE FROM instance_secret WHERE job_id = NEW.id;
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER settle_secrets AFTER UPDATE OF state ON job FOR EACH ROW
        WHEN (NEW.action = 'rotate' AND NEW.state IN ('succeeded', 'failed', 'cancelled', 'timed_out'))
        EXECUTE FUNCTION job_settle_secrets();

    CREATE TABLE handover (
        id uuid PRIMARY KEY,
        instance_id uuid NOT NULL REFERENCES instance (id),
        secret text NOT NULL,
        token_hash bytea NOT NULL CONSTRAINT uq_handover_token_hash UNIQUE,
        reason text NOT NULL,
        created_by uuid REFERENCES account (id),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz NOT NULL,
        opened_at timestamptz,
        opened_from text,
        revoked_at timestamptz,
        CONSTRAINT ck_handover_expires_later CHECK (expires_at > created_at),
        CONSTRAINT ck_handover_opened CHECK ((opened_at IS NULL) = (opened_from IS NULL)),
        CONSTRAINT ck_handover_one_end CHECK (opened_at IS NULL OR revoked_at IS NULL)
    );
    CREATE INDEX ix_handover_instance_id ON handover (instance_id, created_at DESC, id DESC);
    SELECT audit_watch('handover', 'id', 'id', 'instance_id', 'secret', 'created_by', 'expires_at', 'opened_at',
        'revoked_at');
    """)
