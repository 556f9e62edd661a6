"""What is in place on each instance, what came of a request for each, and requests for thousands of them.

Revision ID: 0010
"""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("""
    ALTER TABLE instance ADD COLUMN applied_digest text;
    ALTER TABLE job ADD COLUMN desired_digest text;
    -- A new job looks whether an attempt that was cut off may act on: few rows have a moment that is still to come.
    CREATE INDEX ix_job_not_before ON job (not_before) WHERE not_before IS NOT NULL;

    -- What lists show of a plan, beside it: a plan for thousands of instances is not read for a line of a list.
    ALTER TABLE request
        ADD COLUMN action text GENERATED ALWAYS AS (plan ->> 'action') STORED,
        ADD COLUMN app text GENERATED ALWAYS AS (plan ->> 'app') STORED,
        ADD COLUMN release text GENERATED ALWAYS AS (plan ->> 'release') STORED,
        ADD COLUMN instances integer GENERATED ALWAYS AS (jsonb_array_length(plan -> 'instances')) STORED,
        ADD COLUMN instance_id uuid GENERATED ALWAYS AS ((plan #>> '{instances,0,id}')::uuid) STORED;

    CREATE TABLE request_outcome (
        request_id uuid NOT NULL REFERENCES request (id),
        instance_id uuid NOT NULL REFERENCES instance (id),
        outcome varchar(40) NOT NULL,
        job_id uuid REFERENCES job (id),
        code text,
        message text,
        details jsonb,
        PRIMARY KEY (request_id, instance_id),
        CONSTRAINT ck_request_outcome_outcome CHECK (outcome IN ('accepted', 'unchanged', 'refused')),
        CONSTRAINT ck_request_outcome_says_why CHECK ((outcome = 'refused') = (code IS NOT NULL))
    );
    CREATE INDEX ix_request_outcome_outcome ON request_outcome (request_id, outcome, instance_id);
    INSERT INTO request_outcome (request_id, instance_id, outcome, job_id)
        SELECT request_id, instance_id, 'accepted', id FROM job;
    """)
