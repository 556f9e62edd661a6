"""The engine: slots, people before sweeps, waiting until later, parked hosts, workers and drains.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("""
    ALTER TABLE host
        ADD COLUMN slots integer NOT NULL DEFAULT 4,
        ADD COLUMN parked_at timestamptz,
        ADD COLUMN probe_at timestamptz,
        ADD CONSTRAINT ck_host_slots CHECK (slots > 0),
        ADD CONSTRAINT ck_host_probed_while_parked CHECK ((parked_at IS NULL) = (probe_at IS NULL));
    CREATE INDEX ix_host_probe_at ON host (probe_at) WHERE probe_at IS NOT NULL;
    DROP TRIGGER audit ON host;
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON host
        FOR EACH ROW EXECUTE FUNCTION audit_record_change('id', 'id', 'name', 'address', 'connection', 'site', 'state',
            'slots', 'parked_at', 'port_first', 'port_last', 'facts');

    ALTER TABLE job
        ADD COLUMN app_id uuid REFERENCES app (id),
        ADD COLUMN host_id uuid REFERENCES host (id),
        ADD COLUMN background boolean NOT NULL DEFAULT false,
        ADD COLUMN giving_way boolean NOT NULL DEFAULT false,
        ADD COLUMN touched boolean NOT NULL DEFAULT false,
        ADD COLUMN not_before timestamptz,
        ADD COLUMN stopped jsonb,
        ADD CONSTRAINT ck_job_gives_way CHECK (background OR NOT giving_way),
        ADD CONSTRAINT ck_job_never_gives_way_twice CHECK (NOT (giving_way AND state IN ('queued', 'needs_attention')));
    UPDATE job SET touched = true WHERE attempt > 0;
    UPDATE job SET app_id = release.app_id, host_id = instance.host_id
        FROM release, instance WHERE release.id = job.release_id AND instance.id = job.instance_id;
    ALTER TABLE job ALTER COLUMN app_id SET NOT NULL, ALTER COLUMN host_id SET NOT NULL;

    -- One open job for an instance; a check that is being stopped for a person lets that person's job in behind it,
    -- and the second index lets only one of them act.
    DROP INDEX uq_job_one_open;
    CREATE UNIQUE INDEX uq_job_one_open ON job (instance_id)
        WHERE state IN ('queued', 'running', 'quiescing', 'needs_attention') AND NOT giving_way;
    CREATE UNIQUE INDEX uq_job_one_leased ON job (instance_id) WHERE state IN ('running', 'quiescing');
    DROP INDEX ix_job_queue;
    CREATE INDEX ix_job_queue ON job (site, app_id, background, queued_at, id) WHERE state = 'queued';

    CREATE TABLE slot (
        scope varchar(40) NOT NULL,
        owner_id uuid NOT NULL,
        number integer NOT NULL,
        job_id uuid REFERENCES job (id),
        PRIMARY KEY (scope, owner_id, number),
        CONSTRAINT ck_slot_scope CHECK (scope IN ('app', 'host')),
        CONSTRAINT ck_slot_number CHECK (number > 0)
    );
    CREATE UNIQUE INDEX uq_slot_job ON slot (job_id, scope) WHERE job_id IS NOT NULL;

    CREATE FUNCTION slot_provide(whose varchar, whom uuid, wanted integer) RETURNS void LANGUAGE sql AS $$
        INSERT INTO slot (scope, owner_id, number)
            SELECT whose, whom, number FROM generate_series(1, wanted) AS number ON CONFLICT DO NOTHING;
    $$;
    CREATE FUNCTION app_provide_slots() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM slot_provide('app', NEW.id, (NEW.manifest ->> 'concurrency')::integer);
        RETURN NULL;
    END $$;
    CREATE FUNCTION host_provide_slots() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM slot_provide('host', NEW.id, NEW.slots);
        RETURN NULL;
    END $$;
    CREATE TRIGGER slots AFTER INSERT OR UPDATE OF manifest ON app
        FOR EACH ROW EXECUTE FUNCTION app_provide_slots();
    CREATE TRIGGER slots AFTER INSERT OR UPDATE OF slots ON host
        FOR EACH ROW EXECUTE FUNCTION host_provide_slots();
    SELECT slot_provide('app', id, (manifest ->> 'concurrency')::integer) FROM app;
    SELECT slot_provide('host', id, slots) FROM host;

    -- However a job stops being carried out, it holds no slot any more.
    CREATE FUNCTION job_free_slots() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE slot SET job_id = NULL WHERE job_id = NEW.id;
        RETURN NULL;
    END $$;
    CREATE TRIGGER slots AFTER UPDATE OF state ON job FOR EACH ROW
        WHEN (OLD.state IN ('running', 'quiescing') AND NEW.state NOT IN ('running', 'quiescing'))
        EXECUTE FUNCTION job_free_slots();

    CREATE TABLE worker (
        name text PRIMARY KEY,
        sites jsonb NOT NULL,
        concurrency integer NOT NULL,
        sandbox text NOT NULL,
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        leaving boolean NOT NULL DEFAULT false
    );

    CREATE TABLE drain (
        scope varchar(40) NOT NULL,
        name text NOT NULL,
        reason text NOT NULL,
        since timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (scope, name),
        CONSTRAINT ck_drain_scope CHECK (scope IN ('service', 'site', 'worker')),
        CONSTRAINT ck_drain_name CHECK ((scope = 'service') = (name = '')),
        CONSTRAINT ck_drain_reason CHECK (reason <> '')
    );
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON drain
        FOR EACH ROW EXECUTE FUNCTION audit_record_change('name', 'scope', 'name', 'reason');

    -- Which database this is: another one than before means that it was restored from a backup.
    CREATE TABLE origin (
        one boolean PRIMARY KEY DEFAULT true,
        system_identifier bigint NOT NULL,
        database_oid bigint NOT NULL,
        CONSTRAINT ck_origin_one CHECK (one)
    );
    """)
