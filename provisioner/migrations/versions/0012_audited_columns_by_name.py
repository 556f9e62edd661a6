"""The trigger of an audited table names its columns, where one for all tables looked for them in each row.

Revision ID: 0012
"""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute(r"""
    -- Keep the changes of these columns from now on. `key` tells the row. The trigger has the same as its arguments,
    -- for whoever looks what is audited.
    CREATE FUNCTION audit_watch(watched regclass, key text, VARIADIC columns text[]) RETURNS void
    LANGUAGE plpgsql AS $watch$
    DECLARE
        name text := (SELECT relname FROM pg_class WHERE oid = watched);
        program text := 'audit_change_of_' || name;
        whole text := 'jsonb_build_object('
            || (SELECT string_agg(format('%1$L, <row>.%1$I', each), ', ') FROM unnest(columns) AS each) || ')';
        compared text := (SELECT string_agg(format(
            'IF OLD.%1$I IS DISTINCT FROM NEW.%1$I THEN
                was := was || jsonb_build_object(%1$L, OLD.%1$I);
                is_now := is_now || jsonb_build_object(%1$L, NEW.%1$I);
             END IF;', each), ' ') FROM unnest(columns) AS each);
        arguments text := (SELECT string_agg(quote_literal(each), ', ') FROM unnest(key || columns) AS each);
    BEGIN
        EXECUTE format($make$
            CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql AS $audit$
            DECLARE
                was jsonb;
                is_now jsonb;
                told text;
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    told := NEW.%2$I;
                    is_now := %3$s;
                ELSIF TG_OP = 'DELETE' THEN
                    told := OLD.%2$I;
                    was := %4$s;
                ELSE
                    told := NEW.%2$I;
                    was := '{}';
                    is_now := '{}';
                    %5$s
                    IF was = '{}' THEN RETURN NULL; END IF;
                END IF;
                INSERT INTO audit_change (table_name, row_id, operation, before, after)
                    VALUES (TG_TABLE_NAME, told, TG_OP, was, is_now);
                RETURN NULL;
            END $audit$
        $make$, program, key, replace(whole, '<row>', 'NEW'), replace(whole, '<row>', 'OLD'), compared);
        EXECUTE format('CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON %s
            FOR EACH ROW EXECUTE FUNCTION %I(%s)', watched, program, arguments);
    END $watch$;

    SELECT audit_watch(tgrelid, arguments[1], VARIADIC arguments[2:cardinality(arguments) - 1])
    FROM (
        SELECT tgrelid::regclass, string_to_array(encode(tgargs, 'escape'), '\000') AS arguments
        FROM pg_trigger WHERE tgname = 'audit' AND tgparentid = 0
    ) AS watching;
    DROP FUNCTION audit_record_change();
    """)
