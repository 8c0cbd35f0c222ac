"""Loads into databases that others use too: DBAs, analysts, readers, replication."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import psycopg
import pytest
from psycopg import sql

from blocks.errors import TerminalError
from blocks.resources import Resources
from tasks.entities.contracts import CALL_LOGS
from tasks.lake.parquet import FileReplacedError
from tasks.loading import tables
from tasks.loading.day import load_day
from tests.integration.days import (
    assert_forty_calls,
    call_logs,
    calls,
    forty_calls,
    known_parties,
    query,
)


def execute(resources: Resources, *statements: str) -> None:
    with psycopg.connect(resources.warehouse_dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def load_twice(resources: Resources) -> None:
    """A day, and the same day again: the second one replaces the first one's partition."""
    silver = forty_calls(resources)
    for _ in range(2):
        load_day(CALL_LOGS, silver, resources)
        assert_forty_calls(resources)


def test_a_publication_of_all_tables_stops_no_load(resources: Resources) -> None:
    execute(resources, "CREATE PUBLICATION everything FOR ALL TABLES")
    try:
        known_parties(resources)
        load_twice(resources)
    finally:  # it belongs to no schema, and so stays in the database of the next test
        execute(resources, "DROP PUBLICATION everything")


def test_a_default_that_names_the_databases_own_tablespace(resources: Resources) -> None:
    """There PostgreSQL refuses partitioned tables; the default is a DBA's, or a role's."""
    name = psycopg.conninfo.conninfo_to_dict(resources.warehouse_dsn)["dbname"]
    setting = sql.SQL("ALTER DATABASE {} {}").format
    with psycopg.connect(resources.warehouse_dsn, autocommit=True) as connection:
        database = sql.Identifier(str(name))
        connection.execute(setting(database, sql.SQL("SET default_tablespace = 'pg_default'")))
        try:
            known_parties(resources)
            load_twice(resources)
        finally:
            connection.execute(setting(database, sql.SQL("RESET default_tablespace")))


@pytest.fixture
def plain_role(resources: Resources) -> Iterator[str]:
    """A role that may connect, and nothing else."""
    with psycopg.connect(resources.warehouse_dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE loader LOGIN")
        yield "loader"
        connection.execute("DROP OWNED BY loader CASCADE")
        connection.execute("DROP ROLE loader")


def test_schemas_that_a_dba_made_are_enough(resources: Resources, plain_role: str) -> None:
    for schema in ("conformed", "staging", "quarantine", "ops", "analytics"):
        execute(resources, f"CREATE SCHEMA {schema} AUTHORIZATION {plain_role}")
    dsn = resources.warehouse_dsn.replace("postgres:@", f"{plain_role}:@")
    ours = replace(resources, warehouse_dsn=dsn)
    known_parties(ours)
    load_twice(ours)


@pytest.mark.parametrize(
    "addition",
    [
        "ADD COLUMN checked boolean NOT NULL DEFAULT false",
        "ADD COLUMN doubled text GENERATED ALWAYS AS (call_id || call_id) STORED",
        "ADD COLUMN seen_at timestamptz NOT NULL DEFAULT clock_timestamp()",
        "ALTER COLUMN complaint_category TYPE varchar(40)",
        "ADD CONSTRAINT has_id CHECK (call_id <> '')",
        "ENABLE ROW LEVEL SECURITY",
    ],
)
def test_what_a_dba_added_to_a_table_stays(resources: Resources, addition: str) -> None:
    known_parties(resources)
    load_day(CALL_LOGS, forty_calls(resources), resources)
    execute(resources, f"ALTER TABLE conformed.call_logs {addition}")
    load_twice(resources)


@pytest.mark.parametrize("older", ["customers.customer_id", "call_logs.customer_id"])
def test_a_key_of_before_keeps_its_collation(resources: Resources, older: str) -> None:
    table, _, column = older.partition(".")
    known_parties(resources)
    execute(resources, f'ALTER TABLE conformed.{table} ALTER {column} TYPE text COLLATE "default"')
    load_twice(resources)
    joined = "SELECT count(*) FROM conformed.call_logs JOIN conformed.customers USING (customer_id)"
    assert query(resources, joined) == query(resources, "SELECT count(*) FROM conformed.call_logs")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "conformed.call_logs ALTER call_end_time TYPE timestamptz",
            "call_end_time timestamp with",
        ),
        (
            "conformed.call_logs ALTER complaint_category TYPE varchar(3)",
            r"too long.* varying\(3\)",
        ),
        ("quarantine.records RENAME reason TO why", "reason is not there"),
    ],
    ids=["another type", "a shorter text", "another name"],
)
def test_a_column_that_takes_no_values_is_named(
    change: str, said: str, resources: Resources
) -> None:
    known_parties(resources)
    execute(resources, f"ALTER TABLE {change}")
    with pytest.raises(TerminalError, match=said) as caught:
        load_day(CALL_LOGS, forty_calls(resources), resources)
    assert "staging" not in str(caught.value)


def test_an_identity_column_of_a_dba_counts_on(resources: Resources) -> None:
    known_parties(resources)
    if query(resources, "SHOW server_version_num") < [("170000",)]:
        return  # partitioned tables have none there
    added = "ADD COLUMN number bigint GENERATED BY DEFAULT AS IDENTITY"
    execute(resources, f"ALTER TABLE conformed.call_logs {added}")
    load_twice(resources)
    numbers = query(
        resources, "SELECT count(DISTINCT number), min(number) FROM conformed.call_logs"
    )
    assert numbers == [(38, 39)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX ON conformed.call_logs (complaint_category)",
        "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
        "CREATE TRIGGER noted BEFORE UPDATE ON conformed.call_logs "
        "FOR EACH ROW EXECUTE FUNCTION noted()",
        "CREATE VIEW open_calls AS SELECT * FROM conformed.call_logs",
    ],
    ids=["index", "trigger", "view of the table"],
)
def test_what_stands_on_a_table_stops_no_load(resources: Resources, statement: str) -> None:
    known_parties(resources)
    execute(resources, statement)
    load_twice(resources)


def test_a_view_of_one_days_partition_is_named(resources: Resources) -> None:
    known_parties(resources)
    silver = forty_calls(resources)
    load_day(CALL_LOGS, silver, resources)
    execute(resources, "CREATE VIEW public.friday AS SELECT * FROM conformed.call_logs_20251121")
    with pytest.raises(TerminalError) as caught:
        load_day(CALL_LOGS, silver, resources)
    assert "friday (owner postgres)" in caught.value.what
    assert "drop it" in caught.value.todo
    execute(resources, "DROP VIEW friday")
    load_day(CALL_LOGS, silver, resources)
    assert_forty_calls(resources)


def test_readers_keep_their_rights(resources: Resources, plain_role: str) -> None:
    known_parties(resources)
    execute(
        resources,
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA conformed GRANT SELECT ON TABLES TO {plain_role}",
    )
    silver = forty_calls(resources)
    load_day(CALL_LOGS, silver, resources)
    execute(resources, f"GRANT DELETE ON conformed.call_logs_20251121 TO {plain_role}")
    load_day(CALL_LOGS, silver, resources)
    for privilege in ("SELECT", "DELETE"):
        granted = query(
            resources,
            f"SELECT has_table_privilege('{plain_role}', 'conformed.call_logs_20251121', "
            f"'{privilege}')",
        )
        assert granted == [(True,)]


class _StopError(Exception):
    pass


def _stopped(resources: Resources) -> None:
    def stop(rows: int) -> None:
        raise _StopError

    with pytest.raises(_StopError):
        load_day(CALL_LOGS, forty_calls(resources), resources, on_rows=stop)


@pytest.mark.parametrize(
    "change",
    ["ADD COLUMN note text", "ALTER COLUMN complaint_category SET NOT NULL", "DROP COLUMN call_id"],
)
def test_a_checkpoint_of_another_shape_is_dropped(resources: Resources, change: str) -> None:
    known_parties(resources)
    _stopped(resources)
    table = "staging.call_logs_20251121" if "DROP" in change else "conformed.call_logs"
    execute(resources, f"ALTER TABLE {table} {change}")
    loaded = load_day(CALL_LOGS, forty_calls(resources), resources)
    assert loaded.batches_resumed == 0
    assert_forty_calls(resources)


def test_an_orphan_whose_customer_came_meanwhile_is_loaded(resources: Resources) -> None:
    known_parties(resources)
    _stopped(resources)  # the first batch holds the orphan in row 3
    rows = calls(40)
    rows[3]["agent_id"] = "late"
    rows[38]["customer_id"] = "nobody"
    silver = call_logs(rows, fingerprint="two").write(resources)

    def stop(rows: int) -> None:
        raise _StopError

    with pytest.raises(_StopError):
        load_day(CALL_LOGS, silver, resources, on_rows=stop)
    execute(
        resources, "INSERT INTO conformed.agents (agent_id, run_date) VALUES ('late', '2025-11-21')"
    )
    loaded = load_day(CALL_LOGS, silver, resources)
    assert (loaded.loaded, loaded.orphan) == (39, 1)
    assert query(resources, "SELECT count(*) FROM conformed.call_logs") == [(39,)]


def test_a_file_replaced_by_another_run_is_not_published(resources: Resources) -> None:
    """Another run lands and loads the whole delivery while this one holds a part of it."""
    known_parties(resources)
    part = call_logs(calls(10), fingerprint="part").write(resources)
    whole = call_logs(calls(10, complaint_category="Router Delivery"), fingerprint="whole")
    for write in (whole.write, lambda _: None):
        write(resources)
        with pytest.raises(FileReplacedError):
            load_day(CALL_LOGS, part, resources)
    assert query(resources, "SELECT FROM conformed.call_logs") == []
    assert query(resources, "SELECT FROM ops.ledger WHERE entity = 'call_logs'") == []


def test_all_the_days_of_the_ledger_have_their_rows(resources: Resources) -> None:
    known_parties(resources)
    for day in ("2025-11-19", "2025-11-20", "2025-11-21", "2025-11-22"):
        silver = call_logs(calls(3), run_date=date.fromisoformat(day)).write(resources)
        load_day(CALL_LOGS, silver, resources)
    empty = call_logs([], run_date=date(2025, 11, 23)).write(resources)
    load_day(CALL_LOGS, empty, resources)
    execute(
        resources,
        "DROP TABLE conformed.call_logs_20251119",
        "ALTER TABLE conformed.call_logs DETACH PARTITION conformed.call_logs_20251120",
        "TRUNCATE conformed.call_logs_20251121",
    )
    with psycopg.connect(resources.warehouse_dsn) as connection:
        lost = tables.lost_days(connection)
    assert lost == [("call_logs", date(2025, 11, day)) for day in (19, 20, 21)]
