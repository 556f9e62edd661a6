"""Catalogue and hosts.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE app (
        id uuid PRIMARY KEY,
        slug text NOT NULL CONSTRAINT uq_app_slug UNIQUE,
        names jsonb NOT NULL,
        summary jsonb NOT NULL,
        manifest jsonb NOT NULL,
        parameters jsonb NOT NULL,
        digest text NOT NULL,
        synced_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        withdrawn_at timestamptz,
        CONSTRAINT ck_app_slug CHECK (slug ~ '^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$')
    );
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app
        FOR EACH ROW EXECUTE FUNCTION audit_record_change('id', 'id', 'slug', 'digest', 'withdrawn_at');

    CREATE TABLE release (
        id uuid PRIMARY KEY,
        app_id uuid NOT NULL REFERENCES app (id),
        version text NOT NULL,
        state varchar(40) NOT NULL,
        position integer NOT NULL,
        runtime text NOT NULL,
        CONSTRAINT uq_release_version UNIQUE (app_id, version),
        CONSTRAINT ck_release_state CHECK (state IN ('draft', 'current', 'deprecated', 'withdrawn'))
    );
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON release
        FOR EACH ROW EXECUTE FUNCTION audit_record_change('id', 'app_id', 'version', 'state', 'position');

    CREATE TABLE host (
        id uuid PRIMARY KEY,
        name text NOT NULL CONSTRAINT uq_host_name UNIQUE,
        address text NOT NULL,
        connection varchar(40) NOT NULL,
        site text NOT NULL,
        state varchar(40) NOT NULL,
        port_first integer NOT NULL,
        port_last integer NOT NULL,
        facts jsonb NOT NULL,
        CONSTRAINT ck_host_name CHECK (name ~ '^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$'),
        CONSTRAINT ck_host_connection CHECK (connection IN ('local', 'ssh')),
        CONSTRAINT ck_host_state CHECK (state IN ('active', 'cordoned', 'retired')),
        CONSTRAINT ck_host_ports CHECK (port_first BETWEEN 1024 AND port_last AND port_last < 65536)
    );
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON host
        FOR EACH ROW EXECUTE FUNCTION audit_record_change(
            'id', 'id', 'name', 'address', 'connection', 'site', 'state', 'port_first', 'port_last', 'facts');
    """)
