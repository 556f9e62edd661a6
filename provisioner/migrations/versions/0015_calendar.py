"""The calendar: freeze windows and what may pass them, schedules of the night and how far each night has come.

Revision ID: 0015
"""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE freeze_window (
        id uuid PRIMARY KEY,
        scope varchar(40) NOT NULL,
        app_id uuid REFERENCES app (id),
        administration_id uuid REFERENCES administration (id),
        begins timestamptz NOT NULL,
        ends timestamptz NOT NULL,
        reason text NOT NULL,
        planned_by uuid REFERENCES account (id),
        planned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        ended_at timestamptz,
        CONSTRAINT ck_freeze_window_scope CHECK (scope IN ('global', 'app', 'administration')),
        CONSTRAINT ck_freeze_window_app CHECK ((scope = 'app') = (app_id IS NOT NULL)),
        CONSTRAINT ck_freeze_window_administration CHECK ((scope = 'administration') = (administration_id IS NOT NULL)),
        CONSTRAINT ck_freeze_window_order CHECK (begins < ends),
        CONSTRAINT ck_freeze_window_reason CHECK (reason <> '')
    );
    CREATE INDEX ix_freeze_window_ends ON freeze_window (ends) WHERE ended_at IS NULL;
    CREATE INDEX ix_freeze_window_begins ON freeze_window (begins DESC, id);
    SELECT audit_watch('freeze_window', 'id',
        'id', 'scope', 'app_id', 'administration_id', 'begins', 'ends', 'reason', 'planned_by', 'ended_at');

    -- A freeze stops what changes instances, but for jobs that a person let through.
    ALTER TABLE job
        ADD COLUMN read_only boolean NOT NULL DEFAULT false,
        ADD COLUMN let_through boolean NOT NULL DEFAULT false;
    UPDATE job SET read_only = true WHERE action = 'check';
    SELECT audit_watch('job', 'id',
        'id', 'instance_id', 'request_id', 'action', 'release_id', 'state', 'attempt', 'cause', 'let_through');

    CREATE TABLE schedule (
        id uuid PRIMARY KEY,
        action text NOT NULL,
        app_id uuid REFERENCES app (id),
        opens time NOT NULL,
        closes time NOT NULL,
        days integer[] NOT NULL,
        enabled boolean NOT NULL,
        reason text NOT NULL,
        since timestamptz NOT NULL DEFAULT clock_timestamp(),
        removed_at timestamptz,
        CONSTRAINT ck_schedule_window CHECK (opens <> closes),
        CONSTRAINT ck_schedule_days CHECK (cardinality(days) > 0 AND days <@ ARRAY[1, 2, 3, 4, 5, 6, 7]),
        CONSTRAINT ck_schedule_reason CHECK (reason <> '')
    );
    CREATE UNIQUE INDEX uq_schedule_one ON schedule (action, app_id) NULLS NOT DISTINCT WHERE removed_at IS NULL;

    -- Whether a schedule asked, and not a person.
    ALTER TABLE request ADD COLUMN schedule_id uuid REFERENCES schedule (id);
    CREATE INDEX ix_request_of_people ON request (created_at DESC, id) WHERE schedule_id IS NULL;
    SELECT audit_watch('request', 'id',
        'id', 'plan', 'digest', 'reason', 'requested_by', 'decision', 'policy', 'decided_by', 'schedule_id');

    CREATE TABLE night (
        schedule_id uuid REFERENCES schedule (id),
        opens_on date,
        opens_at timestamptz NOT NULL,
        closes_at timestamptz NOT NULL,
        reached bigint NOT NULL,
        reached_at timestamptz NOT NULL,
        asked integer NOT NULL,
        refused integer NOT NULL,
        missed integer,
        ended_at timestamptz,
        PRIMARY KEY (schedule_id, opens_on),
        CONSTRAINT ck_night_order CHECK (opens_at < closes_at),
        CONSTRAINT ck_night_reached CHECK (reached BETWEEN 0 AND 4294967296),
        CONSTRAINT ck_night_missed CHECK ((ended_at IS NULL) = (missed IS NULL))
    );
    CREATE INDEX ix_night_open ON night (schedule_id) WHERE ended_at IS NULL;
    CREATE INDEX ix_night_opens_at ON night (opens_at DESC, schedule_id);

    INSERT INTO schedule (id, action, opens, closes, days, enabled, reason)
        SELECT gen_random_uuid(), action, make_time(opens, 0, 0), make_time(closes, 0, 0), days, enabled, reason
        FROM (VALUES
            ('check', 1, 5, ARRAY[1, 2, 3, 4, 5, 6, 7], true, 'Nightly check'),
            ('back_up', 22, 4, ARRAY[1, 2, 3, 4, 5, 6, 7], true, 'Nightly backup'),
            ('drill', 4, 6, ARRAY[7], false, 'Weekly proof of the newest backup')
        ) AS usual (action, opens, closes, days, enabled, reason);
    SELECT audit_watch('schedule', 'id',
        'id', 'action', 'app_id', 'opens', 'closes', 'days', 'enabled', 'reason', 'removed_at');
    """)
