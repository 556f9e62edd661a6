"""Accounts: who may sign in, and what they may do.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE account (
        id uuid PRIMARY KEY,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        disabled_at timestamptz
    );
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account
        FOR EACH ROW EXECUTE FUNCTION audit_record_change('id', 'id', 'disabled_at');

    CREATE TABLE identity (
        account_id uuid PRIMARY KEY REFERENCES account (id),
        username text NOT NULL CONSTRAINT uq_identity_username UNIQUE,
        display_name text NOT NULL,
        email text,
        language text NOT NULL,
        CONSTRAINT ck_identity_username CHECK (username = lower(username)),
        CONSTRAINT ck_identity_language CHECK (language IN ('ar', 'fr', 'en'))
    );

    CREATE TABLE credential (
        account_id uuid PRIMARY KEY REFERENCES account (id),
        password_hash text NOT NULL,
        changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );

    CREATE TABLE role_grant (
        id uuid PRIMARY KEY,
        account_id uuid NOT NULL REFERENCES account (id),
        role varchar(40) NOT NULL,
        valid tstzrange NOT NULL DEFAULT tstzrange(now(), NULL),
        CONSTRAINT ck_role_grant_role CHECK (role IN ('viewer', 'operator', 'approver', 'administrator', 'auditor')),
        CONSTRAINT ex_role_grant_once EXCLUDE USING gist (account_id WITH =, role WITH =, valid WITH &&)
    );
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON role_grant
        FOR EACH ROW EXECUTE FUNCTION audit_record_change('id', 'account_id', 'role', 'valid');

    CREATE TABLE session (
        id_hash bytea PRIMARY KEY,
        account_id uuid NOT NULL REFERENCES account (id),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        ended_at timestamptz
    );
    CREATE INDEX ix_session_account_id ON session (account_id);

    CREATE TABLE api_token (
        id text PRIMARY KEY,
        account_id uuid NOT NULL REFERENCES account (id),
        name text NOT NULL,
        secret_hash bytea NOT NULL,
        rights jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz,
        used_at timestamptz
    );
    CREATE INDEX ix_api_token_account_id ON api_token (account_id);
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON api_token
        FOR EACH ROW EXECUTE FUNCTION
        audit_record_change('id', 'id', 'account_id', 'name', 'rights', 'expires_at', 'revoked_at');

    CREATE TABLE sign_in_failure (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        username text NOT NULL,
        address text NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE INDEX ix_sign_in_failure_username ON sign_in_failure (username, at);
    CREATE INDEX ix_sign_in_failure_address ON sign_in_failure (address, at);
    """)
