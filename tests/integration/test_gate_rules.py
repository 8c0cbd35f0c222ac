"""The gate's other rules: what runs in parallel, garbage in the Variable, a new database, G9."""

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from prefect.testing.cli import invoke_and_assert
from prefect.variables import Variable

from blocks.errors import DayRejectedError
from blocks.resolving import resolve
from tasks.gate import FIRST_RUN
from tests.integration import graph
from tests.integration.graph import BEHIND, CHANNELS, INGESTS, STATIC, Bodies

PATIENCE = 60.0  # seconds; a meeting that can happen happens at once


@pytest.fixture(autouse=True)
def _reset(bodies: Bodies) -> None:
    bodies.fail()
    Variable.unset(FIRST_RUN)


def meet(bodies: Bodies, *names: str) -> None:
    """These tasks wait for each other: the run completes only if they are at work all at once."""
    barrier = threading.Barrier(len(names))
    bodies.doing |= dict.fromkeys(names, lambda: barrier.wait(PATIENCE))


def test_the_first_run(bodies: Bodies) -> None:
    """Complaints are ingested during the static path; nothing is transformed before its end."""
    meet(bodies, *INGESTS, "ingest_customers", "ingest_agents")
    end = graph.run_daily()
    assert end.is_completed(), end.message
    runs = graph.recorded(end, graph.expected(set(), None).states)
    gate, marked = runs["open_static_data_gate"], runs["mark_first_run_complete"]
    assert marked.end_time
    assert gate.start_time
    assert marked.end_time <= gate.start_time
    for channel in CHANNELS:
        transform = runs[f"transform_{channel}"]
        assert transform.start_time
        assert gate.end_time
        assert marked.end_time <= gate.end_time <= transform.start_time
    order = bodies.ran
    assert order.index("load_customers") < order.index("load_agents")
    assert order.index("load_agents") < order.index("mark_first_run_complete")


def test_a_slow_ingest_customers_delays_no_complaint_ingestion(bodies: Bodies) -> None:
    ingested = threading.Semaphore(0)
    bodies.doing |= dict.fromkeys(INGESTS, ingested.release)
    # it ends after all of them: if one of them waited for it, neither would ever end.
    bodies.doing["ingest_customers"] = lambda: [
        ingested.acquire(timeout=PATIENCE) or pytest.fail("held up") for _ in INGESTS
    ]
    end = graph.run_daily()
    assert end.is_completed(), end.message


def test_a_later_run_waits_for_nothing(bodies: Bodies) -> None:
    """One channel is loaded while another one's source is still being read."""
    Variable.set(FIRST_RUN, "false")
    meet(bodies, "load_call_logs", "ingest_web_complaints")
    end = graph.run_daily()
    assert end.is_completed(), end.message


@pytest.mark.parametrize("stage", ["ingest", "transform", "load"])
def test_channels_run_at_the_same_time(bodies: Bodies, stage: str) -> None:
    Variable.set(FIRST_RUN, "false")
    meet(bodies, *(f"{stage}_{channel}" for channel in CHANNELS))
    end = graph.run_daily()
    assert end.is_completed(), end.message


# (tests/unit/test_first_run.py has all the words.)
@pytest.mark.parametrize("value", [True, None], ids=repr)
def test_true_in_other_words(bodies: Bodies, value: Any) -> None:
    Variable.set(FIRST_RUN, value)
    assert graph.run_daily().is_completed()
    assert set(STATIC) <= set(bodies.ran)
    assert Variable.get(FIRST_RUN) == "false"


@pytest.mark.parametrize("value", [False], ids=repr)
def test_false_in_other_words(bodies: Bodies, value: Any) -> None:
    Variable.set(FIRST_RUN, value)
    assert graph.run_daily().is_completed()
    assert set(STATIC).isdisjoint(bodies.ran)
    assert Variable.get(FIRST_RUN) == value


@pytest.mark.parametrize(
    ("value", "refresh"), [("", False), ({"first": True}, False), ("ture", True)]
)
def test_garbage_in_the_variable(bodies: Bodies, value: Any, refresh: bool) -> None:
    """G3: nothing static runs, nothing is transformed; the message has the command to use."""
    Variable.set(FIRST_RUN, value)
    end = graph.run_daily(refresh_static=refresh)
    assert end.is_failed()
    ran = {*INGESTS, "create_all_tables", "clear_staging", "determine_load_type"}
    assert sorted(bodies.ran) == sorted(ran)
    assert Variable.get(FIRST_RUN) == value
    assert end.message
    said = f"determine_load_type failed: The Variable {FIRST_RUN} holds {value!r}, which is neither"
    assert end.message.startswith(said)
    assert "The gate stayed closed" in end.message
    assert f"prefect variable set {FIRST_RUN} true --overwrite" in end.message


def test_the_command_of_the_message(bodies: Bodies) -> None:
    Variable.set(FIRST_RUN, "ture")
    message = graph.run_daily().message or ""
    command = message.split("What to do: prefect ")[1].split(" (")[0]
    invoke_and_assert(command.split(), expected_code=0)
    assert graph.run_daily().is_completed()
    assert Variable.get(FIRST_RUN) == "false"


@pytest.mark.parametrize("variable", [None, "true", "false"])
def test_refresh_static(bodies: Bodies, variable: str | None) -> None:
    """G9: the static path runs whatever the Variable says, which ends "false"."""
    if variable is not None:
        Variable.set(FIRST_RUN, variable)
    assert graph.run_daily(refresh_static=True).is_completed()
    assert set(STATIC) <= set(bodies.ran)
    assert Variable.get(FIRST_RUN) == "false"


@pytest.fixture
def warehouse(bodies: Bodies) -> Iterator[psycopg.Connection[Any]]:
    """The tables of the graph's database, to empty; put right afterwards."""
    with psycopg.connect(resolve().warehouse_dsn, autocommit=True) as connection:
        yield connection
        from tasks.loading.tables import create_all_tables

        create_all_tables(connection)
        graph.know_somebody(connection)


@pytest.mark.parametrize("empty", [["customers"], ["agents"], ["customers", "agents"]], ids=str)
def test_an_empty_table(
    bodies: Bodies,
    warehouse: psycopg.Connection[Any],
    empty: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """G10: the Variable says false, but the database knows better."""
    Variable.set(FIRST_RUN, "false")
    for table in empty:
        warehouse.execute(f"TRUNCATE conformed.{table} CASCADE")
    end = graph.run_daily()
    assert end.is_completed()
    assert set(STATIC) <= set(bodies.ran)
    assert graph.flow_run(end).name.endswith("-initial")
    names = " and ".join(f"conformed.{table}" for table in empty)
    are = "is" if len(empty) == 1 else "are"
    warning = f"The Variable {FIRST_RUN} says false, but {names} {are} empty"
    assert any(warning in record.getMessage() for record in caplog.records)
    assert Variable.get(FIRST_RUN) == "false"


def test_a_new_database(bodies: Bodies, warehouse: psycopg.Connection[Any]) -> None:
    """G10 on a database without a single table, and the static path failing there."""
    Variable.set(FIRST_RUN, "false")
    warehouse.execute("DROP SCHEMA conformed, staging, quarantine, ops CASCADE")
    bodies.fail("load_agents")
    end = graph.run_daily()
    assert end.is_failed()
    assert end.message
    assert "load_agents failed: " in end.message
    assert "The gate stayed closed" in end.message
    assert Variable.get(FIRST_RUN) == "false"  # as it was; the next run sees empty tables again


@pytest.mark.parametrize("variable", [None, "false"])
@pytest.mark.parametrize("step", ["load_customers", "load_agents"])
def test_a_delivery_that_the_audit_rejects(bodies: Bodies, variable: str | None, step: str) -> None:
    """G4: complaints go on with the customers and agents that are loaded; the run ends Failed."""
    if variable:
        Variable.set(FIRST_RUN, variable)
    bodies.failing[step] = DayRejectedError("cut off")
    end = graph.run_daily(refresh_static=True)
    assert end.name == "Failed"
    assert set(BEHIND) <= set(bodies.ran)
    assert "mark_first_run_complete" not in bodies.ran
    assert Variable.get(FIRST_RUN) == variable
    assert str(end.message).startswith(f"{step} rejected: cut off.")
    assert "gate" not in str(end.message)
    held = [task for task in ("load_agents", "mark_first_run_complete") if task not in bodies.ran]
    assert f"Held back: {', '.join(held)}." in str(end.message)
    states = dict.fromkeys(bodies.ran, "Completed") | {step: "Failed"}
    states |= dict.fromkeys(held, "HeldBack")
    assert graph.states(graph.recorded(end, states)) == states


def test_a_delivery_that_the_audit_rejects_when_none_is_loaded(
    bodies: Bodies, warehouse: psycopg.Connection[Any]
) -> None:
    warehouse.execute("TRUNCATE conformed.agents CASCADE")
    bodies.failing["load_agents"] = DayRejectedError("all lost")
    end = graph.run_daily()
    assert set(BEHIND).isdisjoint(bodies.ran)
    assert "The gate stayed closed" in str(end.message)


def test_a_run_date_in_the_future(bodies: Bodies) -> None:
    end = graph.run_daily(graph.RUN_DATE.replace(year=9999))
    assert end.is_failed()
    assert "The run date 9999-11-21 is in the future" in (end.message or "")
    assert not bodies.ran


def test_a_run_date_and_lag_days(bodies: Bodies) -> None:
    end = graph.run_daily(lag_days=1)
    assert end.is_failed()
    assert f"Both a run date ({graph.RUN_DATE}) and lag_days (1) are given" in (end.message or "")
    assert not bodies.ran


@pytest.mark.parametrize("lag_days", [-1, 1000])
def test_lag_days_that_cannot_be(bodies: Bodies, lag_days: int) -> None:
    end = graph.run_daily(None, lag_days=lag_days)
    assert end.is_failed()
    assert "lag_days: Input should be" in (end.message or "")
    assert not bodies.ran


PARTIAL = [
    {"ingest_call_logs"},
    {"load_web_complaints"},
    {"transform_call_logs", "load_sm_complaints"},
    {"run_dbt", "ingest_call_logs"},
    {"load_agents"},
    {"clear_staging"},
]


@pytest.mark.parametrize("failing", PARTIAL, ids=lambda failing: "+".join(sorted(failing)))
def test_partial(bodies: Bodies, failing: set[str]) -> None:
    """G7 with `partial`: dbt builds with the channels that came, if the gate is open at all."""
    bodies.fail(*failing)
    end = graph.run_daily(partial=True)
    ought = graph.expected(failing, None, partial=True)
    assert sorted(bodies.ran) == sorted(ought.ran)
    assert end.name == ought.state == "Failed"
    assert ("run_dbt" in bodies.ran) == failing.isdisjoint({"load_agents", "clear_staging"})
    for step in failing & ought.ran:
        assert f"{step} failed" in str(end.message) or f"{step} " in str(end.message)


def test_partial_with_all_channels(bodies: Bodies) -> None:
    assert graph.run_daily(partial=True).is_completed()
    assert {"run_dbt", "cleanup_checkpoints"} <= set(bodies.ran)
