"""When hosts are looked at, and how what they have differs from the register.

Revision ID: 0017
"""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE survey (
        host_id uuid PRIMARY KEY REFERENCES host (id),
        due_at timestamptz NOT NULL,
        began_at timestamptz,
        ended_at timestamptz,
        succeeded_at timestamptz,
        failure text,
        facts jsonb NOT NULL DEFAULT '{}'
    );
    CREATE INDEX ix_survey_due_at ON survey (due_at);

    CREATE TABLE finding (
        id uuid PRIMARY KEY,
        host_id uuid NOT NULL REFERENCES host (id),
        kind varchar(40) NOT NULL,
        subject text NOT NULL,
        instance_id uuid REFERENCES instance (id),
        detail jsonb NOT NULL,
        state varchar(40) NOT NULL,
        first_seen timestamptz NOT NULL,
        last_seen timestamptz NOT NULL,
        ignored_until timestamptz,
        decision varchar(40),
        decided_by uuid REFERENCES account (id),
        decided_at timestamptz,
        reason text,
        job_id uuid REFERENCES job (id),
        outcome text,
        closed_at timestamptz,
        CONSTRAINT ck_finding_kind CHECK (kind IN ('unknown_instance', 'unknown_service', 'unknown_database',
            'missing_instance', 'missing_service', 'other_release', 'not_running', 'changed_files')),
        CONSTRAINT ck_finding_state CHECK (state IN ('open', 'ignored', 'clearing', 'settled', 'gone')),
        CONSTRAINT ck_finding_ignored CHECK ((state = 'ignored') = (ignored_until IS NOT NULL)),
        CONSTRAINT ck_finding_closed CHECK ((state IN ('settled', 'gone')) = (closed_at IS NOT NULL)),
        CONSTRAINT ck_finding_decision CHECK (decision IN ('repair', 'adopt', 'remove', 'ignore')),
        CONSTRAINT ck_finding_decided CHECK ((decision IS NULL) = (decided_at IS NULL)
            AND (decision IS NULL) = (reason IS NULL) AND (decision IS NOT NULL OR state IN ('open', 'gone'))),
        CONSTRAINT ck_finding_seen CHECK (first_seen <= last_seen)
    );
    -- However often it is seen, a difference is one finding until it is closed.
    CREATE UNIQUE INDEX uq_finding_one ON finding (host_id, kind, subject)
        WHERE state IN ('open', 'ignored', 'clearing');
    CREATE INDEX ix_finding_first_seen ON finding (first_seen DESC, id DESC);
    CREATE INDEX ix_finding_open ON finding (first_seen DESC, id DESC) WHERE state = 'open';
    CREATE INDEX ix_finding_of_instance ON finding (instance_id) WHERE instance_id IS NOT NULL;
    SELECT audit_watch('finding', 'id', 'id', 'host_id', 'kind', 'subject', 'instance_id', 'state', 'ignored_until',
        'decision', 'decided_by', 'reason', 'job_id');
    """)
