"""Instances, their history, their secrets.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE instance (
        id uuid PRIMARY KEY,
        short_id text NOT NULL CONSTRAINT uq_instance_short_id UNIQUE,
        administration_id uuid NOT NULL REFERENCES administration (id),
        app_id uuid NOT NULL REFERENCES app (id),
        environment varchar(40) NOT NULL,
        host_id uuid NOT NULL REFERENCES host (id),
        port integer NOT NULL,
        hostname text NOT NULL,
        address text NOT NULL,
        state varchar(40) NOT NULL,
        desired_release_id uuid NOT NULL REFERENCES release (id),
        applied_release_id uuid REFERENCES release (id),
        failed_release_id uuid REFERENCES release (id),
        settings jsonb NOT NULL,
        health varchar(40) NOT NULL,
        health_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        version integer NOT NULL DEFAULT 1,
        CONSTRAINT ck_instance_short_id CHECK (short_id ~ '^[a-z][a-z0-9]{9}$'),
        CONSTRAINT ck_instance_environment CHECK (environment IN ('production', 'training')),
        CONSTRAINT ck_instance_state CHECK (state IN ('planned', 'active', 'suspended', 'failed', 'removed')),
        CONSTRAINT ck_instance_health CHECK (health IN ('unknown', 'healthy', 'unhealthy')),
        CONSTRAINT ck_instance_active_runs_something CHECK (state <> 'active' OR applied_release_id IS NOT NULL)
    );
    CREATE UNIQUE INDEX uq_instance_one_live ON instance (administration_id, app_id, environment)
        WHERE state <> 'removed';
    CREATE UNIQUE INDEX uq_instance_port ON instance (host_id, port) WHERE state <> 'removed';
    CREATE UNIQUE INDEX uq_instance_hostname ON instance (hostname) WHERE state <> 'removed';
    CREATE INDEX ix_instance_app_id ON instance (app_id, state);
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON instance
        FOR EACH ROW EXECUTE FUNCTION audit_record_change(
            'id', 'id', 'administration_id', 'app_id', 'environment', 'host_id', 'port', 'address', 'state',
            'desired_release_id', 'applied_release_id', 'failed_release_id', 'settings');

    CREATE TABLE instance_period (
        instance_id uuid NOT NULL REFERENCES instance (id),
        valid tstzrange NOT NULL,
        state varchar(40) NOT NULL,
        host_id uuid NOT NULL REFERENCES host (id),
        address text NOT NULL,
        desired_release_id uuid NOT NULL REFERENCES release (id),
        applied_release_id uuid REFERENCES release (id),
        settings jsonb NOT NULL,
        PRIMARY KEY (instance_id, valid),
        CONSTRAINT ex_instance_period_once EXCLUDE USING gist (instance_id WITH =, valid WITH &&)
    );
    CREATE INDEX ix_instance_period_history ON instance_period (instance_id, lower(valid) DESC);

    -- The row lock of the update orders the writers, so the clock (not the start of the transaction) tells when.
    CREATE FUNCTION instance_keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        moment timestamptz := clock_timestamp();
    BEGIN
        IF TG_OP = 'UPDATE' AND
           (OLD.state, OLD.host_id, OLD.address, OLD.desired_release_id, OLD.applied_release_id, OLD.settings)
           IS NOT DISTINCT FROM
           (NEW.state, NEW.host_id, NEW.address, NEW.desired_release_id, NEW.applied_release_id, NEW.settings)
        THEN RETURN NULL; END IF;
        UPDATE instance_period
            SET valid = tstzrange(lower(valid), greatest(moment, lower(valid) + interval '1 microsecond'))
            WHERE instance_id = NEW.id AND upper_inf(valid)
            RETURNING upper(valid) INTO moment;
        INSERT INTO instance_period VALUES (
            NEW.id, tstzrange(coalesce(moment, clock_timestamp()), NULL), NEW.state, NEW.host_id, NEW.address,
            NEW.desired_release_id, NEW.applied_release_id, NEW.settings);
        RETURN NULL;
    END $$;
    CREATE TRIGGER history AFTER INSERT OR UPDATE ON instance
        FOR EACH ROW EXECUTE FUNCTION instance_keep_history();

    CREATE TABLE instance_secret (
        instance_id uuid NOT NULL REFERENCES instance (id),
        name text NOT NULL,
        key_id text NOT NULL,
        sealed bytea NOT NULL,
        PRIMARY KEY (instance_id, name)
    );
    """)
