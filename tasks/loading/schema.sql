-- The conformance layer. Safe to run again; conformed tables are made from the contracts
-- (tasks/loading/tables.py), so that a column is declared once.

-- CREATE SCHEMA IF NOT EXISTS asks for the right to make one before it looks: a role that works in
-- schemas that a DBA made for it doesn't have it.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['conformed', 'staging', 'quarantine', 'ops', 'analytics'] LOOP
        IF to_regnamespace(name) IS NULL THEN
            EXECUTE format('CREATE SCHEMA %I', name);
        END IF;
    END LOOP;
END $$;

CREATE TABLE IF NOT EXISTS quarantine.records (
    entity text NOT NULL,
    run_date date NOT NULL,
    issue text NOT NULL CHECK (issue IN ('missing_key', 'duplicate_key', 'orphan')),
    reason text NOT NULL,
    record_key text,
    record jsonb NOT NULL,
    flow_run_id text,
    quarantined_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS ops.field_problems (
    entity text NOT NULL,
    run_date date NOT NULL,
    record_key text NOT NULL,
    field text NOT NULL,
    original_value text NOT NULL
);

-- Tables without a key: where a publication takes all tables, PostgreSQL deletes no row of them
-- unless it knows how to identify one.
DO $$
DECLARE
    name regclass;
BEGIN
    FOREACH name IN ARRAY ARRAY['quarantine.records', 'ops.field_problems']::regclass[] LOOP
        IF (SELECT relreplident FROM pg_class WHERE oid = name) <> 'f' THEN
            EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', name);
        END IF;
    END LOOP;
END $$;

-- CREATE INDEX IF NOT EXISTS locks the table against writers before it looks: a load at work on
-- another date would hold up the start of this run.
DO $$
BEGIN
    IF to_regclass('quarantine.records_entity_run_date') IS NULL THEN
        CREATE INDEX records_entity_run_date ON quarantine.records (entity, run_date);
    END IF;
    IF to_regclass('ops.field_problems_entity_run_date') IS NULL THEN
        CREATE INDEX field_problems_entity_run_date ON ops.field_problems (entity, run_date);
    END IF;
END $$;

CREATE TABLE IF NOT EXISTS ops.ledger (
    entity text NOT NULL,
    run_date date NOT NULL,
    rows_read bigint NOT NULL,
    exact_duplicates bigint NOT NULL,
    missing_key bigint NOT NULL,
    duplicate_key bigint NOT NULL,
    orphan bigint NOT NULL,
    loaded bigint NOT NULL,
    field_problems bigint NOT NULL,
    inserted bigint,
    updated bigint,
    unchanged bigint,
    bronze_fingerprint text NOT NULL,
    flow_run_id text,
    ingest_seconds double precision,
    transform_seconds double precision,
    load_seconds double precision,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (entity, run_date),
    CONSTRAINT every_row_accounted_for CHECK (
        rows_read = exact_duplicates + missing_key + duplicate_key + orphan + loaded
    ),
    CONSTRAINT static_rows_accounted_for CHECK (loaded = inserted + updated + unchanged)
);

-- Deliveries that failed the audit before publication, until the date is published after all.
CREATE TABLE IF NOT EXISTS ops.rejected_days (
    entity text NOT NULL,
    run_date date NOT NULL,
    failed_checks text[] NOT NULL,
    rows_read bigint NOT NULL,
    exact_duplicates bigint NOT NULL,
    missing_key bigint NOT NULL,
    duplicate_key bigint NOT NULL,
    orphan bigint NOT NULL,
    bronze_fingerprint text NOT NULL,
    flow_run_id text,
    rejected_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (entity, run_date)
);

-- Since 0.2.0. ALTER TABLE locks before it looks whether the column is there.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = 'ops.ledger'::regclass AND attname = 'recorded'
    ) THEN
        -- whether the lake has the row, too (docs/contract.md#loads)
        ALTER TABLE ops.ledger
            -- of complaints: the newest load of customers and agents that the search for orphans saw
            ADD COLUMN static_as_of timestamptz,
            ADD COLUMN recorded boolean NOT NULL DEFAULT false;
        ALTER TABLE ops.rejected_days ADD COLUMN recorded boolean NOT NULL DEFAULT false;
    END IF;
END $$;

CREATE TABLE IF NOT EXISTS ops.checkpoints (
    entity text NOT NULL,
    run_date date NOT NULL,
    bronze_fingerprint text NOT NULL,
    batches_done integer NOT NULL,
    rows_done bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (entity, run_date)
);
