"""What a Slack message says: five lines, whatever happened."""

from datetime import date

import pytest

from blocks.errors import GATE, Failure, RunFailedError
from tasks import slack
from tasks.reporting.markdown import Report
from tasks.reporting.summary import Summary

ONE = Failure("load_agents", "No database", "db:1", "start it")
URL = "http://prefect/runs/flow-run/1"


@pytest.mark.parametrize(
    "error",
    [
        RunFailedError([ONE], [GATE], gate_closed=True),
        RunFailedError([ONE] * 5, ["run_dbt"]),
        RunFailedError([Failure("run_dbt", "Gone", ended="crashed")], ["cleanup_checkpoints"]),
        RunFailedError([Failure("", "Busy", todo="wait")]),
        RunFailedError(days={"2025-11-20": RunFailedError([ONE])}, counts="0 of 1 days completed"),
    ],
)
def test_a_failure(error: RunFailedError) -> None:
    lines = slack.failure("daily-2025-11-20 failed", error, URL).split("\n")
    assert len(lines) <= 5
    assert lines[0] == "❌ daily-2025-11-20 failed"
    assert lines[-1] == URL


def test_what_failed_comes_before_what_to_do() -> None:
    error = RunFailedError([ONE], [GATE], gate_closed=True)
    assert slack.failure("daily", error, None).split("\n")[1:] == [
        "load_agents failed: No database. Where: db:1.",
        "The gate stayed closed: no complaint was transformed or loaded, dbt did not run.",
        "What to do: start it.",
    ]


def test_many_failures_are_counted() -> None:
    assert "(and 7 more)" in slack.failure("daily", RunFailedError([ONE] * 5), None)


def test_a_success() -> None:
    row = {
        "rows_read": 1200,
        "exact_duplicates": 20,
        "missing_key": 0,
        "duplicate_key": 10,
        "orphan": 50,
        "loaded": 1120,
        "field_problems": 7,
    }
    report = Report(
        "daily-2025-11-21", "incremental", None, {}, Summary(date(2025, 11, 21), [row]), URL
    )
    lines = slack.success(report).split("\n")
    assert lines[0].startswith("✅ daily-2025-11-21 completed (incremental: ")
    assert lines[1:] == [
        "1,200 rows read, 1,120 loaded, 20 exact duplicates",
        "Quarantine: 5.00 % (50 orphan, 10 duplicate_key)",
        "Field problems: 7",
        URL,
    ]
