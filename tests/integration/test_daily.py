"""The daily run, end to end: initial, incremental, a failure, the same date twice."""

import asyncio
from datetime import date
from pathlib import Path

import psycopg
import pytest
from prefect.states import State
from prefect.variables import Variable

from blocks.resources import forget, resolve
from blocks.settings import settings
from flows.daily import daily
from tasks.state import FIRST_RUN
from tests.conftest import new_database

FIRST, SECOND = date(2025, 11, 20), date(2025, 11, 21)


def run(run_date: date, **parameters: bool) -> State[object]:
    return asyncio.run(daily(run_date, return_state=True, **parameters))  # type: ignore[arg-type]


def rows(query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(resolve().warehouse_dsn) as connection:
        return connection.execute(query).fetchall()


def test_two_days(local: Path) -> None:
    assert run(FIRST).is_completed()
    assert Variable.get(FIRST_RUN) == "false"
    first = rows("SELECT * FROM conformed.call_logs ORDER BY call_id")
    assert first
    assert rows("SELECT count(*) FROM ops.checkpoints") == [(0,)]

    assert run(SECOND).is_completed()
    assert rows(
        f"SELECT * FROM conformed.call_logs WHERE run_date = '{FIRST}' ORDER BY call_id"
    ) == (first)
    ledger = rows("SELECT entity, run_date FROM ops.ledger ORDER BY 1, 2")
    assert ledger == [
        ("agents", FIRST),
        *((channel, day) for channel in ("call_logs",) for day in (FIRST, SECOND)),
        ("customers", FIRST),
        *((c, day) for c in ("sm_complaints", "web_complaints") for day in (FIRST, SECOND)),
    ]
    assert rows("SELECT count(*) FROM analytics.fct_complaints") != [(0,)]


@pytest.mark.parametrize("value", ["ture", "", 0.5])
def test_a_variable_that_is_neither(local: Path, value: object) -> None:
    Variable.set(FIRST_RUN, value, overwrite=True)  # type: ignore[arg-type]
    state = run(FIRST)
    assert state.is_failed()
    assert f"prefect variable set {FIRST_RUN} true --overwrite" in str(state.message)
    assert rows("SELECT count(*) FROM ops.ledger") == [(0,)]


def test_web_forms_of_others_are_only_read(
    local: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Samples go into the warehouse; a database that was named is asked, and says what it lacks."""
    with new_database(postgres) as theirs:
        monkeypatch.setenv("CORETELECOMS_WEB_FORMS_DSN", theirs)
        settings.cache_clear()
        forget()
        state = run(FIRST)
        with psycopg.connect(theirs) as connection:
            found = connection.execute("SELECT to_regnamespace('customer_complaints')").fetchone()
    assert state.is_failed()
    assert str(state.message).startswith("ingest_web_complaints failed: ")
    assert "transform_web_complaints, load_web_complaints, run_dbt" in str(state.message)
    assert found == (None,)


def test_a_failing_source_closes_the_gate(local: Path) -> None:
    run_source = local / "sources" / "customers"
    run_source.mkdir(parents=True)
    (run_source / "customers_dataset.csv").write_text("customer_id,nom\n1,2\n")
    state = run(FIRST)
    assert state.is_failed()
    assert "ingest_customers failed" in str(state.message)
    assert "The gate stayed closed" in str(state.message)
    assert Variable.get(FIRST_RUN) is None
    assert (local / "lake/bronze/call_logs" / f"{FIRST}.parquet").exists()
