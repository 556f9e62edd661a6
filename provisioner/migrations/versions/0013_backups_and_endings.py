"""The register of backups, and how the life of an instance ends: grace period, legal hold, certificate.

Revision ID: 0013
"""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE backup (
        id uuid PRIMARY KEY,
        instance_id uuid NOT NULL REFERENCES instance (id),
        job_id uuid NOT NULL REFERENCES job (id),
        release_id uuid NOT NULL REFERENCES release (id),
        name text NOT NULL,
        store text NOT NULL,
        bytes bigint NOT NULL,
        sha256 text NOT NULL,
        taken_at timestamptz NOT NULL,
        proven_at timestamptz,
        expired_at timestamptz,
        CONSTRAINT ck_backup_bytes CHECK (bytes >= 0),
        CONSTRAINT uq_backup_job_id UNIQUE (job_id)
    );
    CREATE INDEX ix_backup_of_instance ON backup (instance_id, taken_at DESC);
    CREATE INDEX ix_backup_taken_at ON backup (taken_at);
    SELECT audit_watch('backup', 'id', 'id', 'instance_id', 'job_id', 'name', 'taken_at', 'proven_at', 'expired_at');

    CREATE TABLE erasure (
        instance_id uuid PRIMARY KEY REFERENCES instance (id),
        job_id uuid NOT NULL REFERENCES job (id),
        erased_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        certificate jsonb NOT NULL
    );
    SELECT audit_watch('erasure', 'instance_id', 'instance_id', 'job_id', 'erased_at', 'certificate');

    ALTER TABLE instance
        ADD COLUMN applied_settings jsonb,
        ADD COLUMN removal_due_at timestamptz,
        ADD COLUMN legal_hold text;
    UPDATE instance SET applied_settings = settings WHERE state IN ('active', 'suspended');
    CREATE INDEX ix_instance_removal_due ON instance (removal_due_at)
        WHERE state = 'suspended' AND removal_due_at IS NOT NULL;
    SELECT audit_watch('instance', 'id', 'id', 'administration_id', 'app_id', 'environment', 'host_id', 'port',
        'address', 'state', 'desired_release_id', 'applied_release_id', 'failed_release_id', 'settings',
        'removal_due_at', 'legal_hold');

    ALTER TABLE job ADD COLUMN backup_id uuid REFERENCES backup (id);
    """)
