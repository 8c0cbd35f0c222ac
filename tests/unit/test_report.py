"""A run's summary as Prefect's UI shows it."""

from datetime import date
from typing import Any

import pytest

from blocks.errors import Failure, RunFailedError
from tasks.publish import events
from tasks.reporting.markdown import Report, ledger_rows, markdown
from tasks.reporting.summary import Summary

DAY = date(2025, 11, 21)
CALLS = {
    "entity": "call_logs",
    "rows_read": 1200,
    "exact_duplicates": 20,
    "missing_key": 0,
    "duplicate_key": 10,
    "orphan": 50,
    "loaded": 1120,
    "field_problems": 7,
    "inserted": None,
    "updated": None,
    "unchanged": None,
    "ingest_seconds": 0.123,
    "transform_seconds": 0.5,
    "load_seconds": None,
}
AGENTS = CALLS | {"entity": "agents", "inserted": 1, "updated": 2, "unchanged": 1117, "orphan": 0}


ORPHANS = {"entity": "call_logs", "issue": "orphan", "reason": "agent_id is missing", "records": 50}


def report(
    error: RunFailedError | None, *ledger: dict[str, Any], path: str = "incremental"
) -> Report:
    steps = {"ingest_call_logs": "Failed", "load_call_logs": "held back"}
    summary = Summary(
        DAY,
        list(ledger),
        [
            {
                "entity": "call_logs",
                "issue": "orphan",
                "reason": "agent_id is missing",
                "records": 50,
            }
        ],
        [{"entity": "call_logs", "field": "call_end_time", "problems": 7}],
    )
    return Report("daily-2025-11-21", path, error, steps, summary)


def test_a_completed_run() -> None:
    text = markdown(report(None, CALLS))
    assert text.startswith("# Daily run of 2025-11-21: Completed\n")
    assert "**Incremental**: the static path was skipped" in text
    assert "| call_logs | 1,200 | 20 | 0 | 10 | 50 | 1,120 | 7 |" in text
    assert "5.00 % of the rows read" in text
    assert "| call_logs | orphan | agent_id is missing | 50 |" in text
    assert "| call_logs | call_end_time | 7 |" in text
    assert "## Steps" not in text


def test_a_failed_run_says_what_failed() -> None:
    error = RunFailedError([Failure("ingest_call_logs", "Gone", todo="look")], ["load_call_logs"])
    text = markdown(report(error))
    assert "> ingest_call_logs failed: Gone.  \n> What to do: look.  \n> Held back:" in text
    assert "| `ingest_call_logs` | Failed |" in text
    assert "| `load_call_logs` | held back |" in text
    assert "Nothing was loaded." in text
    assert "docs/runbooks/failed-run.md" in text


def test_static_rows_are_counted_apart() -> None:
    text = markdown(report(None, AGENTS, CALLS, path="initial"))
    assert "| agents | 1 | 2 | 1,117 |" in text
    assert "| **all** | 2,400 |" in text


def test_numbers_to_the_right_words_to_the_left() -> None:
    text = markdown(report(None, CALLS))
    assert "| entity | issue | reason | records |\n| --- | --- | --- | ---: |" in text


def test_the_ledger_as_rows() -> None:
    calls, total = ledger_rows(report(None, CALLS))
    assert calls["run date"] == "2025-11-21"
    assert (calls["ingest seconds"], calls["load seconds"]) == (0.12, 0.0)
    assert (total["entity"], total["read"], total["new"]) == ("all", 1200, None)
    assert list(calls) == list(total)


def test_what_is_worth_an_alert_is_an_event_of_its_own() -> None:
    """Prefect's automations compare text, and no numbers."""
    quiet = [name for name, *_ in events(report(None, CALLS))]
    assert quiet == ["coretelecoms.daily.finished"]
    low = {"entity": "call_logs", "rows_read": 5, "usual": 900}
    checks = {"agents": ["lost column"]}
    summary = Summary(DAY, [CALLS | {"orphan": 200}], rejected=checks, low=[low])
    given = Report("daily-2025-11-21", "incremental", None, {}, summary)
    found = {name: (about, payload) for name, about, payload in events(given)}
    day = str(DAY)
    assert found["coretelecoms.daily.volume"] == ((day, "call_logs"), low)
    assert found["coretelecoms.daily.rejected"] == (
        (day, "agents"),
        {"entity": "agents", "failed_checks": ["lost column"]},
    )
    share = found["coretelecoms.daily.quarantine"][1]["quarantine_share"]
    assert share == pytest.approx(210 / 1200)
    assert found["coretelecoms.daily.finished"][1]["rejected"] == ["agents"]
