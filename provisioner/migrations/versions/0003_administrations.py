"""The register of administrations, with dated names and identifiers.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE administration (
        id uuid PRIMARY KEY,
        kind varchar(40) NOT NULL,
        slug text NOT NULL CONSTRAINT uq_administration_slug UNIQUE,
        parent_id uuid REFERENCES administration (id),
        supervisor_id uuid REFERENCES administration (id),
        territory_id uuid REFERENCES administration (id),
        registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        closed_at timestamptz,
        version integer NOT NULL DEFAULT 1,
        CONSTRAINT ck_administration_slug CHECK (slug ~ '^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$'),
        CONSTRAINT ck_administration_kind CHECK (kind IN (
            'region', 'prefecture', 'province', 'commune', 'arrondissement', 'grouping',
            'ministry', 'deconcentrated_service', 'establishment', 'public_enterprise', 'constitutional_body',
            'university', 'other')),
        CONSTRAINT ck_administration_not_its_own_parent CHECK (parent_id <> id)
    );
    CREATE INDEX ix_administration_parent_id ON administration (parent_id);
    CREATE INDEX ix_administration_territory_id ON administration (territory_id);
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON administration
        FOR EACH ROW EXECUTE FUNCTION audit_record_change(
            'id', 'id', 'kind', 'slug', 'parent_id', 'supervisor_id', 'territory_id', 'closed_at');

    CREATE TABLE administration_name (
        id uuid PRIMARY KEY,
        administration_id uuid NOT NULL REFERENCES administration (id),
        language varchar(40) NOT NULL,
        type varchar(40) NOT NULL,
        text text NOT NULL,
        folded text NOT NULL,
        sort_key bytea NOT NULL,
        valid tstzrange NOT NULL DEFAULT tstzrange(now(), NULL),
        CONSTRAINT ck_administration_name_language CHECK (language IN ('ar', 'fr', 'en', 'zgh')),
        CONSTRAINT ck_administration_name_type CHECK (type IN ('official', 'short', 'alias')),
        CONSTRAINT ck_administration_name_text CHECK (text <> ''),
        CONSTRAINT ck_administration_name_valid CHECK (NOT isempty(valid)),
        -- One official and one short name a language at any time; aliases as many as there are.
        CONSTRAINT ex_administration_name_once EXCLUDE USING gist
            (administration_id WITH =, language WITH =, type WITH =, valid WITH &&) WHERE (type <> 'alias')
    );
    CREATE INDEX ix_administration_name_folded ON administration_name USING gin (folded gin_trgm_ops);
    CREATE INDEX ix_administration_name_history ON administration_name (administration_id, language, lower(valid) DESC);
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON administration_name
        FOR EACH ROW EXECUTE FUNCTION audit_record_change(
            'id', 'administration_id', 'language', 'type', 'text', 'valid');

    -- Drawn from the names by the service, so that a page of a list is read in order from an index.
    CREATE TABLE administration_place (
        administration_id uuid NOT NULL REFERENCES administration (id),
        language varchar(40) NOT NULL,
        sort_key bytea NOT NULL,
        PRIMARY KEY (administration_id, language)
    );
    CREATE INDEX ix_administration_place_order ON administration_place (language, sort_key, administration_id);

    CREATE TABLE identifier (
        id uuid PRIMARY KEY,
        administration_id uuid NOT NULL REFERENCES administration (id),
        scheme text NOT NULL,
        value text NOT NULL,
        valid tstzrange NOT NULL DEFAULT tstzrange(now(), NULL),
        CONSTRAINT ck_identifier_valid CHECK (NOT isempty(valid)),
        CONSTRAINT ex_identifier_once EXCLUDE USING gist (scheme WITH =, value WITH =, valid WITH &&),
        CONSTRAINT ex_identifier_one_a_scheme EXCLUDE USING gist
            (administration_id WITH =, scheme WITH =, valid WITH &&)
    );
    CREATE INDEX ix_identifier_value ON identifier (value, scheme);
    CREATE INDEX ix_identifier_administration_id ON identifier (administration_id);
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON identifier
        FOR EACH ROW EXECUTE FUNCTION audit_record_change('id', 'administration_id', 'scheme', 'value', 'valid');
    """)
