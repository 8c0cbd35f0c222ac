"""What a Slack message says: five lines, whatever happened."""

from datetime import date
from typing import Any

import pytest
from prefect.states import Completed, Crashed, Failed

from tasks import slack
from tasks.outcome import REPEAT
from tasks.reporting.markdown import Run
from tasks.reporting.summary import Summary

ONE = "load_agents failed: No database. Where: db:1. What to do: start it."
URL = "http://prefect/runs/flow-run/1"


@pytest.mark.parametrize(
    "message",
    [
        f"{ONE} The gate stayed closed: nothing ran. {REPEAT}",
        f"{ONE} {ONE} {ONE} {ONE} {ONE} Held back: run_dbt. {REPEAT}",
        f"run_dbt ended in Crashed: gone. Held back: cleanup_checkpoints. {REPEAT}",
        "Flow run encountered an exception: RunDateBusyError: Busy. What to do: wait.",
        "",
    ],
)
def test_a_failure(message: str) -> None:
    state: Any = Failed(message=message)
    lines = slack.failure("daily-2025-11-20", state, URL).split("\n")
    assert len(lines) <= 5
    assert lines[0] == ":x: *daily-2025-11-20* failed"
    assert lines[-1] == URL


def test_what_failed_comes_before_what_to_do() -> None:
    state: Any = Failed(message=f"{ONE} The gate stayed closed: nothing ran. {REPEAT}")
    assert slack.failure("daily", state, None).split("\n")[1:] == [
        "load_agents failed: No database. Where: db:1.",
        "The gate stayed closed: nothing ran.",
        "What to do: start it.",
    ]


def test_many_failures_are_counted() -> None:
    state: Any = Failed(message=" ".join([ONE] * 5))
    assert "(and 7 more)" in slack.failure("daily", state, None)


def test_a_crash() -> None:
    state: Any = Crashed(message="The process was killed.")
    assert slack.failure("daily", state, None) == ":x: *daily* crashed\nThe process was killed."


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
    run = Run(
        "daily-2025-11-21", "incremental", Completed(), {}, Summary(date(2025, 11, 21), [row])
    )
    lines = slack.success(run, URL).split("\n")
    assert lines[0].startswith(":white_check_mark: *daily-2025-11-21* completed (incremental: ")
    assert lines[1:] == [
        "1,200 rows read, 1,120 loaded, 20 exact duplicates",
        "Quarantine: 5.00 % (50 orphan, 10 duplicate_key)",
        "Field problems: 7",
        URL,
    ]
