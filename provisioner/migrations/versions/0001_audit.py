"""The audit: append-only events and row changes, and the right of the application role to nothing else.

Revision ID: 0001
"""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("""
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO provisioner_app;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO provisioner_app;

    CREATE TABLE audit_event (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        actor_id uuid,
        on_behalf_of text,
        via text NOT NULL,
        correlation_id text,
        action text NOT NULL,
        object_type text NOT NULL,
        object_id text NOT NULL,
        administration_id uuid,
        request_id uuid,
        job_id uuid,
        reason text,
        before jsonb,
        after jsonb,
        outcome text NOT NULL
    );
    CREATE INDEX ix_audit_event_object ON audit_event (object_type, object_id, id);
    CREATE INDEX ix_audit_event_administration_id ON audit_event (administration_id, id);
    CREATE INDEX ix_audit_event_transaction_id ON audit_event (transaction_id);

    CREATE TABLE audit_change (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        database_role text NOT NULL DEFAULT session_user,
        table_name text NOT NULL,
        row_id text NOT NULL,
        operation text NOT NULL,
        before jsonb,
        after jsonb
    );
    CREATE INDEX ix_audit_change_transaction_id ON audit_change (transaction_id);
    CREATE INDEX ix_audit_change_row ON audit_change (table_name, row_id, id);

    -- Changes that no event explains: plain SQL past the service.
    CREATE VIEW audit_unattributed AS
        SELECT c.* FROM audit_change c
        WHERE NOT EXISTS (SELECT 1 FROM audit_event e WHERE e.transaction_id = c.transaction_id);

    CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END $$;
    CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
    CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_change
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
    REVOKE UPDATE, DELETE, TRUNCATE ON audit_event, audit_change FROM provisioner_app;

    -- Arguments: the key column, then the audited columns of the table.
    CREATE FUNCTION audit_record_change() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        was jsonb := CASE WHEN TG_OP = 'INSERT' THEN '{}' ELSE to_jsonb(OLD) END;
        is_now jsonb := CASE WHEN TG_OP = 'DELETE' THEN '{}' ELSE to_jsonb(NEW) END;
        old_part jsonb := '{}';
        new_part jsonb := '{}';
        key text := coalesce(is_now, was) ->> TG_ARGV[0];
        name text;
    BEGIN
        IF TG_OP = 'DELETE' THEN key := was ->> TG_ARGV[0]; END IF;
        FOREACH name IN ARRAY TG_ARGV[1:] LOOP
            IF was -> name IS DISTINCT FROM is_now -> name THEN
                IF was ? name THEN old_part := old_part || jsonb_build_object(name, was -> name); END IF;
                IF is_now ? name THEN new_part := new_part || jsonb_build_object(name, is_now -> name); END IF;
            END IF;
        END LOOP;
        IF old_part <> '{}' OR new_part <> '{}' THEN
            INSERT INTO audit_change (table_name, row_id, operation, before, after)
            VALUES (TG_TABLE_NAME, key, TG_OP, nullif(old_part, '{}'), nullif(new_part, '{}'));
        END IF;
        RETURN NULL;
    END $$;
    """)
