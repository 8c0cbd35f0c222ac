"""The conformance layer's tables: made once, whoever else makes them; cleared with care."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import psycopg
import pytest

from blocks.database import connect
from blocks.errors import TerminalError
from blocks.resources import Resources
from tasks.entities.contracts import CALL_LOGS, COMPLAINTS, ENTITIES
from tasks.entities.references import ledger_columns
from tasks.loading import locks, tables
from tasks.loading.day import load_day
from tests.integration.days import DAY, call_logs, calls, known_parties, query


def _create(dsn: str) -> None:
    with connect(dsn) as connection:
        tables.create_all_tables(connection)


def test_conformed_tables_have_the_contracts_columns(resources: Resources) -> None:
    _create(resources.warehouse_dsn)
    for entity in ENTITIES.values():
        found = query(
            resources,
            "SELECT column_name, data_type FROM information_schema.columns "
            f"WHERE table_schema = 'conformed' AND table_name = '{entity.name}' "
            "ORDER BY ordinal_position",
        )
        expected = list(entity.sql_types().items())
        kinds = {"timestamp": "timestamp without time zone"}
        assert found[: len(expected)] == [(name, kinds.get(k, k)) for name, k in expected]
        more = ["run_date"]
        if entity.is_static:
            more = ["first_loaded_at", "last_changed_at", "run_date"]
        assert [name for name, _ in found[len(expected) :]] == more


def test_the_ledger_has_the_declared_columns(resources: Resources) -> None:
    """They are written in schema.sql, for those who read it; `Loaded` declares them."""
    _create(resources.warehouse_dsn)
    found = query(
        resources,
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_schema = 'ops' AND table_name = 'ledger'",
    )
    own = {"entity", "run_date", "bronze_fingerprint", "flow_run_id", "loaded_at"}
    own |= {"static_as_of", "recorded"}
    assert {name for (name,) in found} - own == set(ledger_columns("count", "static", "seconds"))


def test_complaints_refer_to_customers_and_agents(resources: Resources) -> None:
    _create(resources.warehouse_dsn)
    found = query(
        resources,
        "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint "
        "WHERE contype = 'f' ORDER BY 1, 2",
    )
    assert found == [
        (f"conformed.{entity}", f"conformed.{static}")
        for entity in sorted(e.name for e in COMPLAINTS)
        for static in ("agents", "customers")
    ]


def test_many_runs_make_the_tables_at_once(resources: Resources) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(_create, [resources.warehouse_dsn] * 6))
    assert len(query(resources, "SELECT FROM pg_tables WHERE schemaname = 'conformed'")) == 7


def test_making_them_again_keeps_the_rows(resources: Resources) -> None:
    known_parties(resources)
    _create(resources.warehouse_dsn)
    assert query(resources, "SELECT count(*) FROM conformed.customers") == [(3,)]


def test_a_run_starts_while_another_writes_quarantine_and_problems(resources: Resources) -> None:
    _create(resources.warehouse_dsn)
    with connect(resources.warehouse_dsn) as busy:
        busy.execute("DELETE FROM quarantine.records")
        busy.execute("DELETE FROM ops.field_problems")
        busy.execute("DELETE FROM conformed.customers")
        with connect(resources.warehouse_dsn) as connection:
            connection.execute("SET lock_timeout = '1s'")
            tables.create_all_tables(connection)


def test_a_column_that_the_contract_gained_is_added(resources: Resources) -> None:
    silver = call_logs(calls(3)).write(resources)
    known_parties(resources)
    load_day(CALL_LOGS, silver, resources)
    with connect(resources.warehouse_dsn) as connection:
        connection.execute("ALTER TABLE conformed.call_logs DROP COLUMN resolution_status")
    _create(resources.warehouse_dsn)
    counted = "SELECT count(*), count(resolution_status) FROM conformed.call_logs"
    assert query(resources, counted) == [(3, 0)]
    load_day(CALL_LOGS, silver, resources)
    assert query(resources, counted) == [(3, 3)]


def test_the_ledger_takes_no_row_that_does_not_balance(resources: Resources) -> None:
    _create(resources.warehouse_dsn)
    row = "('agents', '2025-11-21', 9, 1, 2, 3, 0, %s, 0, '')"
    insert = (
        "INSERT INTO ops.ledger (entity, run_date, rows_read, exact_duplicates, missing_key, "
        f"duplicate_key, orphan, loaded, field_problems, bronze_fingerprint) VALUES {row}"
    )
    with (
        psycopg.connect(resources.warehouse_dsn) as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="every_row_accounted_for"),
    ):
        connection.execute(insert, [4])
    with connect(resources.warehouse_dsn) as connection:
        connection.execute(insert, [3])


class _StopError(Exception):
    """Raised by a test's callback in the middle of a load."""


def _interrupted_load(resources: Resources, run_date: date = DAY) -> None:
    """Leave a day's staging table behind, with a checkpoint after its first batch."""

    def stop(rows: int) -> None:
        raise _StopError

    silver = call_logs(calls(20), run_date=run_date).write(resources)
    with pytest.raises(_StopError):
        load_day(CALL_LOGS, silver, resources, on_rows=stop)


def _clear(resources: Resources) -> int:
    with connect(resources.warehouse_dsn) as connection:
        return tables.clear_staging(connection)


def _staged(resources: Resources) -> list[str]:
    found = query(resources, "SELECT tablename FROM pg_tables WHERE schemaname = 'staging'")
    return sorted(name for (name,) in found)


def test_clear_staging_leaves_what_may_be_resumed(resources: Resources) -> None:
    known_parties(resources)
    _interrupted_load(resources)
    assert _clear(resources) == 0
    assert _staged(resources) == ["call_logs_20251121"]
    assert query(resources, "SELECT rows_done FROM ops.checkpoints") == [(7,)]


def test_clear_staging_removes_a_table_without_its_checkpoint(resources: Resources) -> None:
    known_parties(resources)
    _interrupted_load(resources)
    _interrupted_load(resources, date(2025, 11, 22))
    with connect(resources.warehouse_dsn) as connection:
        connection.execute("DELETE FROM ops.checkpoints WHERE run_date = '2025-11-22'")
    assert _clear(resources) == 1
    assert _staged(resources) == ["call_logs_20251121"]


def test_clear_staging_removes_a_checkpoint_without_its_table(resources: Resources) -> None:
    known_parties(resources)
    load_day(CALL_LOGS, call_logs(calls(3)).write(resources), resources)
    assert query(resources, "SELECT count(*) FROM ops.checkpoints") == [(1,)]
    assert _clear(resources) == 1
    assert query(resources, "SELECT count(*) FROM ops.checkpoints") == [(0,)]


def test_clear_staging_leaves_a_day_at_work_and_tables_that_are_not_ours(
    resources: Resources,
) -> None:
    _create(resources.warehouse_dsn)
    ours, theirs = "call_logs_20251121", ["call_logs_20251131", "notes", "notes_20251121"]
    with connect(resources.warehouse_dsn) as connection:
        for name in [ours, *theirs]:
            connection.execute(f"CREATE TABLE staging.{name} ()")
    with locks.held(resources.warehouse_dsn, "call_logs", DAY):
        assert _clear(resources) == 0
    assert _clear(resources) == 1
    assert _staged(resources) == theirs


def test_cleanup_removes_the_checkpoints_of_one_run_date(resources: Resources) -> None:
    known_parties(resources)
    _interrupted_load(resources)
    _interrupted_load(resources, date(2025, 11, 22))
    with connect(resources.warehouse_dsn) as connection:
        assert tables.cleanup_checkpoints(connection, DAY) == 1
    assert query(resources, "SELECT run_date FROM ops.checkpoints") == [(date(2025, 11, 22),)]


def test_a_detached_partition_is_not_dropped(resources: Resources) -> None:
    known_parties(resources)
    silver = call_logs(calls(3)).write(resources)
    load_day(CALL_LOGS, silver, resources)
    with connect(resources.warehouse_dsn) as connection:
        connection.execute(
            "ALTER TABLE conformed.call_logs DETACH PARTITION conformed.call_logs_20251121"
        )
    with pytest.raises(TerminalError, match=r"no partition of conformed\.call_logs"):
        load_day(CALL_LOGS, silver, resources)
    assert query(resources, "SELECT count(*) FROM conformed.call_logs_20251121") == [(3,)]
