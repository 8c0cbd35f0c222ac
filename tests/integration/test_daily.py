"""The daily run, end to end: initial, incremental, what it refuses, what it only reads."""

import asyncio
import time
from datetime import date
from pathlib import Path

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.states import State
from prefect.variables import Variable

from blocks.resolving import forget, resolve
from blocks.settings import settings
from flows.daily import daily
from tasks.entities.contracts import COMPLAINTS
from tasks.gate import FIRST_RUN
from tests.conftest import new_database
from tests.integration.daily_runs import FIRST, SECOND, DailyRuns


def run(run_date: date, **parameters: bool) -> State[object]:
    return asyncio.run(daily(run_date, return_state=True, **parameters))  # type: ignore[arg-type]


def rows(query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(resolve().warehouse_dsn) as connection:
        return connection.execute(query).fetchall()


def test_two_days(daily_runs: DailyRuns) -> None:
    """The first loads all five, the second its complaints alone, and both are in the facts."""
    first, second = daily_runs.first.tables, daily_runs.second.tables
    assert (len(first["ops.ledger"]), len(second["ops.ledger"])) == (5, 5 + 3)
    assert not first["ops.checkpoints"]
    assert not second["ops.checkpoints"]
    for name in ("conformed.customers", "conformed.agents"):
        assert first[name] == second[name] != []
    for channel in COMPLAINTS:
        name = f"conformed.{channel.name}"
        assert first[name] == daily_runs.days[FIRST][name] != []
        assert daily_runs.days[SECOND][name] != []
    facts = second["analytics.fct_complaints"]
    complaints = {c.name: len(first[f"conformed.{c.name}"]) for c in COMPLAINTS}
    assert len(facts) > sum(complaints.values()) > 0


def test_every_model_and_test_is_a_task_run(daily_runs: DailyRuns) -> None:
    mine = FlowRunFilter(id=FlowRunFilterId(any_=[daily_runs.built.id]))
    with get_client(sync_client=True) as client:
        for _ in range(200):  # the server writes a run's last states down a moment after its end
            found = client.read_task_runs(flow_run_filter=mine, limit=200)
            nodes = {run.name: run.state_name for run in found if " " in run.name}
            if len(nodes) > 50 and set(nodes.values()) == {"Completed"}:
                break
            time.sleep(0.05)
    assert set(nodes.values()) == {"Completed"}
    assert {"model fct_complaints", "test facts_match_partitions"} <= nodes.keys()
    assert len(nodes) > 50


def test_a_variable_that_is_neither(local: Path) -> None:
    Variable.set(FIRST_RUN, "ture", overwrite=True)
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
