"""A job may move its instance to another host; hosts are prepared when somebody asks.

Revision ID: 0018
"""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute("""
    ALTER TABLE job ADD COLUMN target_host_id uuid REFERENCES host (id), ADD COLUMN target_port integer;
    CREATE INDEX ix_job_target_host_id ON job (target_host_id) WHERE target_host_id IS NOT NULL;

    CREATE TABLE preparation (
        host_id uuid PRIMARY KEY REFERENCES host (id),
        wish jsonb NOT NULL,
        asked_at timestamptz NOT NULL,
        due_at timestamptz,
        began_at timestamptz,
        ended_at timestamptz,
        failure text
    );
    """)
