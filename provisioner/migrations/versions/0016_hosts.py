"""Hosts have a country, a capacity and labels, and may serve by name, without ports.

Revision ID: 0016
"""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute("""
    ALTER TABLE host
        ADD COLUMN country text NOT NULL DEFAULT 'MA',
        ADD COLUMN memory_mb integer,
        ADD COLUMN disk_mb integer,
        ADD COLUMN labels jsonb NOT NULL DEFAULT '[]',
        ALTER COLUMN port_first DROP NOT NULL,
        ALTER COLUMN port_last DROP NOT NULL,
        DROP CONSTRAINT ck_host_state,
        ADD CONSTRAINT ck_host_state CHECK (state IN ('active', 'cordoned', 'draining', 'retired')),
        ADD CONSTRAINT ck_host_port_range CHECK ((port_first IS NULL) = (port_last IS NULL)),
        ADD CONSTRAINT ck_host_country CHECK (country ~ '^[A-Z]{2}$'),
        ADD CONSTRAINT ck_host_memory CHECK (memory_mb > 0),
        ADD CONSTRAINT ck_host_disk CHECK (disk_mb > 0),
        ADD CONSTRAINT ck_host_labels CHECK (jsonb_typeof(labels) = 'array');
    SELECT audit_watch('host', 'id', 'id', 'name', 'address', 'connection', 'site', 'country', 'state', 'slots',
        'parked_at', 'memory_mb', 'disk_mb', 'labels', 'port_first', 'port_last', 'facts');

    ALTER TABLE instance ALTER COLUMN port DROP NOT NULL;
    """)
