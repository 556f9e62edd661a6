"""Events by the month of their job, the steps of a run, words to search for, and what failures have in common.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("""
    -- All events of a job lie in one partition: that of the month in which it was queued, in UTC.
    CREATE FUNCTION job_event_month(at timestamptz) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN date_trunc('month', at AT TIME ZONE 'UTC')::date;
    -- What an event says, and the words that it is found by: runs of letters and digits, also inside paths and names.
    CREATE FUNCTION job_event_said(stdout text, result jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN left(stdout, 20000) || ' ' || left(coalesce(result ->> 'msg', ''), 20000)
            || ' ' || left(coalesce(result ->> 'stderr', ''), 20000);
    CREATE FUNCTION job_event_words(stdout text, result jsonb) RETURNS tsvector
        LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 500 AS $$
    BEGIN
        RETURN to_tsvector('pg_catalog.simple', translate(public.job_event_said(stdout, result),
            '/.-_:=@,;()[]{}<>"''`\\|+*&%#$!?~^', repeat(' ', 40)));
    END $$;

    ALTER TABLE job_event RENAME TO job_event_before;
    CREATE TABLE job_event (
        month date NOT NULL,
        job_id uuid NOT NULL,  -- no foreign key: attaching a month would then lock the jobs
        attempt integer NOT NULL,
        counter integer NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        kind text NOT NULL,
        play text NOT NULL,
        role text NOT NULL,
        task text NOT NULL,
        module text NOT NULL,
        host text NOT NULL,
        changed boolean NOT NULL,
        stdout text NOT NULL,
        result jsonb NOT NULL,
        CONSTRAINT pk_job_event PRIMARY KEY (month, job_id, attempt, counter)
    ) PARTITION BY RANGE (month);
    CREATE INDEX ix_job_event_newest ON job_event (at, job_id, attempt, counter);
    CREATE INDEX ix_job_event_words ON job_event USING gin (job_event_words(stdout, result));
    CREATE INDEX ix_job_event_failing ON job_event (job_id, attempt, counter)
        WHERE kind IN ('runner_on_failed', 'runner_on_unreachable');

    -- The application may not create tables; this it may have done for it, by beginning an attempt. Only the lock of an
    -- ATTACH is taken on the parent, which readers and writers do not notice.
    CREATE FUNCTION job_event_provide_month(first date) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
        name text := 'job_event_' || to_char(first, 'YYYY_MM');
    BEGIN
        IF to_regclass('public.' || name) IS NOT NULL THEN RETURN; END IF;
        PERFORM pg_advisory_xact_lock(hashtext('job_event_provide_month'));
        IF to_regclass('public.' || name) IS NOT NULL THEN RETURN; END IF;
        EXECUTE format('CREATE TABLE public.%I (LIKE public.job_event INCLUDING ALL)', name);
        EXECUTE format('ALTER TABLE public.job_event ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
            name, first, (first + interval '1 month')::date);
    END $$;
    REVOKE ALL ON FUNCTION job_event_provide_month(date) FROM PUBLIC;
    CREATE FUNCTION job_provide_month() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        PERFORM public.job_event_provide_month(public.job_event_month(NEW.queued_at));
        RETURN NULL;
    END $$;
    CREATE TRIGGER month AFTER INSERT OR UPDATE OF attempt ON job FOR EACH ROW WHEN (NEW.attempt > 0)
        EXECUTE FUNCTION job_provide_month();

    SELECT job_event_provide_month(month) FROM (SELECT DISTINCT job_event_month(queued_at) AS month FROM job
        UNION SELECT job_event_month(now())) AS months;
    INSERT INTO job_event SELECT job_event_month(job.queued_at), job_id, told.attempt, counter, at, kind, play, role,
        task, '', host, changed, stdout, result FROM job_event_before AS told JOIN job ON job.id = told.job_id;

    CREATE TABLE job_step (
        job_id uuid NOT NULL REFERENCES job (id),
        attempt integer NOT NULL,
        play text NOT NULL,
        role text NOT NULL,
        number integer NOT NULL,
        task text NOT NULL,
        began timestamptz NOT NULL DEFAULT clock_timestamp(),
        ended timestamptz NOT NULL DEFAULT clock_timestamp(),
        failed boolean NOT NULL,
        changed boolean NOT NULL,
        PRIMARY KEY (job_id, attempt, play, role)
    );
    INSERT INTO job_step SELECT job_id, attempt, left(play, 300), left(role, 300), min(counter),
            (array_agg(left(task, 300) ORDER BY counter DESC))[1], min(at), max(at),
            bool_or(kind IN ('runner_on_failed', 'runner_on_unreachable')), bool_or(changed)
        FROM job_event_before WHERE task <> '' GROUP BY 1, 2, 3, 4;
    DROP TABLE job_event_before;

    CREATE TABLE failure (
        fingerprint text PRIMARY KEY,
        role text NOT NULL,
        task text NOT NULL,
        module text NOT NULL,
        message text NOT NULL,
        first_seen timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    ALTER TABLE job ADD COLUMN fingerprint text REFERENCES failure (fingerprint);
    CREATE INDEX ix_job_failed ON job (queued_at, fingerprint) WHERE fingerprint IS NOT NULL;
    CREATE INDEX ix_job_fingerprint ON job (fingerprint, queued_at DESC, id) WHERE fingerprint IS NOT NULL;
    """)
