"""Catch-up: a range of run dates in the order of need, each in its place, a failed one named."""

import json
import os
import signal
import time
from datetime import date
from typing import Any

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.variables import Variable

from tasks.gate import FIRST_RUN
from tests.integration.daily_runs import FIRST, SECOND, DailyRuns, Place, complaints, last_flow_run

THIRD, FOURTH = date(2025, 11, 22), date(2025, 11, 23)
ONE = 1
ONE_DAY = {
    "flows.backfill:DAYS": "tests.integration.test_backfill:ONE",
    "flows.shared.apart:DAYS": "tests.integration.test_backfill:ONE",
}


def days_run(start: date, end: date) -> dict[str, FlowRun]:
    """The daily runs of the last backfill of a range, by their names, as Prefect has them."""
    parent = last_flow_run(f"backfill-{start}-{end}")
    mine = FlowRunFilterParentFlowRunId(any_=[parent.id])
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(parent_flow_run_id=mine),
            sort=FlowRunSort.START_TIME_ASC,
            limit=50,
        )
    return {run.name: run for run in found}


def query(place: Place, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(place.dsn) as connection:
        return connection.execute(statement, values).fetchall()


def test_from_nothing(daily_runs: DailyRuns) -> None:
    """The first day goes alone, for the static data; the rest two at a time; then all are done."""
    Variable.unset(FIRST_RUN)
    with daily_runs.before.copied() as place:
        child = daily_runs.start_backfill(place, FIRST, FOURTH, "--parallel", "2")
        assert child.wait() == 0, child.said
        for day in (FIRST, SECOND, THIRD, FOURTH):
            assert f"done       {day}  " in child.said
        assert "4 of 4 days completed" in child.said
        runs = days_run(FIRST, FOURTH)
        later = [runs[f"daily-{day}-incremental"] for day in (SECOND, THIRD, FOURTH)]
        first = runs[f"daily-{FIRST}-initial"]
        assert len(runs) == 4
        assert first.end_time
        assert all(run.start_time and first.end_time <= run.start_time for run in later)
        at_once = [
            sum(
                bool(other.start_time <= run.start_time < other.end_time)
                for other in later
                if other.start_time and run.start_time and other.end_time
            )
            for run in later
        ]
        assert max(at_once) == 2
        # the days that other tests know are as they know them.
        assert {day: complaints(place, day) for day in (FIRST, SECOND)} == daily_runs.days

        child = daily_runs.start_backfill(place, FIRST, FOURTH)
        assert child.wait() == 0, child.said
        assert "0 of 0 days completed, 4 were complete in the ledger already" in child.said
        assert days_run(FIRST, FOURTH) == {}

        child = daily_runs.start_backfill(place, SECOND, SECOND, "--force")
        assert child.wait() == 0, child.said
        assert set(days_run(SECOND, SECOND)) == {f"daily-{SECOND}-incremental"}


def test_a_failed_day(daily_runs: DailyRuns) -> None:
    """It is named at the end, and the others are loaded. Once fixed, only it runs again."""
    Variable.set(FIRST_RUN, "false", overwrite=True)
    with daily_runs.after_first.copied() as place:
        broken = place.home / f"sources/call logs/call_logs_day_{SECOND}.csv"
        broken.write_text("")
        child = daily_runs.start_backfill(place, FIRST, THIRD)
        assert child.wait() == 1, child.said
        assert f"failed     {SECOND}  " in child.said
        assert (
            f"✘ 1 of 2 days completed, 1 were complete in the ledger already; failed: {SECOND}."
            in (child.said)
        )
        assert f"{SECOND}: ingest_call_logs failed: " in child.said
        assert "Traceback" not in child.said
        rows = "SELECT xmin, * FROM conformed.call_logs WHERE run_date = %s"
        newest = query(place, rows, THIRD)
        assert newest

        broken.unlink()
        child = daily_runs.start_backfill(place, FIRST, THIRD)
        assert child.wait() == 0, child.said
        assert list(days_run(FIRST, THIRD)) == [f"daily-{SECOND}-incremental"]
        assert query(place, rows, THIRD) == newest


def test_more_days_than_a_process_takes(daily_runs: DailyRuns) -> None:
    """Others run them, and it is one backfill all the same: to people, to programs, to Prefect."""
    Variable.set(FIRST_RUN, "false", overwrite=True)
    with daily_runs.after_first.copied() as place:
        (place.home / f"sources/call logs/call_logs_day_{SECOND}.csv").write_text("")
        child = daily_runs.start_backfill(place, FIRST, THIRD, "--json", replace=ONE_DAY)
        assert child.wait() == 1, child.said
        screen, _, outcome = child.said.partition("\n{\n")
        assert f"failed     {SECOND}  " in screen
        assert f"done       {THIRD}  " in screen
        assert "! Sample data: " in screen
        assert f"ledger already; failed: {SECOND}." in screen
        assert f"{SECOND}: ingest_call_logs failed: " in screen
        assert "Traceback" not in screen
        found = json.loads("{" + outcome)
        assert list(found["error"]["days"]) == [str(SECOND)]
        assert found["days"][str(THIRD)]["rows"] > 1000
        assert found["steps"]["run_dbt"]["status"] == "done"
        failed, loaded = days_run(FIRST, THIRD).values()
        assert (failed.state_name, loaded.state_name) == ("Failed", "Completed")
        rows = "SELECT count(*) FROM conformed.call_logs WHERE run_date = %s"
        assert query(place, rows, THIRD) != [(0,)]


def test_a_process_that_is_killed(daily_runs: DailyRuns) -> None:
    """Its day is crashed, to people and to Prefect; the others go on."""
    Variable.set(FIRST_RUN, "false", overwrite=True)
    with daily_runs.after_first.copied() as place, psycopg.connect(place.dsn) as holder:
        holder.execute("LOCK TABLE conformed.call_logs IN SHARE UPDATE EXCLUSIVE MODE")
        child = daily_runs.start_backfill(place, SECOND, THIRD, replace=ONE_DAY)
        while query(place, "SELECT FROM pg_locks WHERE NOT granted") == []:
            time.sleep(0.05)
        process = next(
            process
            for process in psutil.Process(child.pid).children(recursive=True)
            if "flows.shared.apart" in process.cmdline()
        )
        process.kill()
        holder.rollback()
        assert child.wait() == 1, child.said
        assert f"{SECOND}: Its process ended before it did (exit code -9)." in child.said
        assert f"done       {THIRD}  " in child.said
        states = [run.state_name for run in days_run(SECOND, THIRD).values()]
        assert states == ["Crashed", "Completed"]


def test_a_signal_ends_all_its_processes(daily_runs: DailyRuns) -> None:
    Variable.set(FIRST_RUN, "false", overwrite=True)
    with daily_runs.after_first.copied() as place, psycopg.connect(place.dsn) as holder:
        holder.execute("LOCK TABLE conformed.call_logs IN SHARE UPDATE EXCLUSIVE MODE")
        child = daily_runs.start_backfill(place, SECOND, THIRD, replace=ONE_DAY)
        while query(place, "SELECT FROM pg_locks WHERE NOT granted") == []:
            time.sleep(0.05)
        processes = psutil.Process(child.pid).children(recursive=True)
        assert processes
        assert os.getsid(child.pid) not in [os.getsid(process.pid) for process in processes]
        os.kill(child.pid, signal.SIGTERM)
        child.wait()
        assert "Interrupted." in child.said
        assert psutil.wait_procs(processes, timeout=10)[1] == []
        (day,) = days_run(SECOND, THIRD).values()
        assert day.state_name == "Cancelled"


def test_static_data_first(daily_runs: DailyRuns) -> None:
    """As long as the static path fails, days go one by one, and none of them is transformed."""
    Variable.unset(FIRST_RUN)
    with daily_runs.before.copied() as place:
        (place.home / "sources/customers").mkdir(parents=True)
        (place.home / "sources/customers/customers_dataset.csv").write_text("")
        child = daily_runs.start_backfill(place, FIRST, SECOND, "--parallel", "2")
        assert child.wait() == 1, child.said
        assert f"✘ 0 of 2 days completed; failed: {FIRST}, {SECOND}." in child.said
        assert "The gate stayed closed" in child.said
        first, second = days_run(FIRST, SECOND).values()
        assert first.end_time
        assert second.start_time
        assert first.end_time <= second.start_time
        assert query(place, "SELECT count(*) FROM ops.ledger") == [(0,)]
    assert Variable.get(FIRST_RUN) is None


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        ("2025-11-22", "2025-11-20", "ends (2025-11-20) before it starts (2025-11-22)"),
        ("2025-11-20", "9999-01-01", "in the future"),
        ("2025-11-20", "2025-02-30", "is not a date"),
    ],
)
def test_a_range_that_is_none(daily_runs: DailyRuns, start: str, end: str, says: str) -> None:
    arguments = ["--plain", "--from", start, "--to", end]
    child = daily_runs.forker.start("backfill", arguments, daily_runs.before.environment)
    assert child.wait() != 0
    assert says in child.said
    assert "Traceback" not in child.said
