"""Audit before publication: what is rejected, what stays, what goes on (docs/contract.md#audit)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from blocks.errors import DayRejectedError
from blocks.resources import Resources
from tasks.entities.contracts import CALL_LOGS, CUSTOMERS
from tasks.entities.references import Loaded
from tasks.loading.day import load_day
from tasks.loading.static import load_static
from tasks.reporting.summary import read_summary
from tests.integration.days import DAY, Day, call_logs, calls, known_parties, query


@pytest.fixture(autouse=True)
def _parties(resources: Resources) -> None:
    known_parties(resources)


def day(orphans: int, of: int = 100, **values: Any) -> Day:
    """So many call logs, the first ones orphans."""
    rows = calls(of)
    for row in rows[:orphans]:
        row["agent_id"] = "nobody"
    return call_logs(rows, **values)


def load(resources: Resources, day: Day, **options: Any) -> Loaded:
    return load_day(CALL_LOGS, day.write(resources), resources, "run-1", **options)


def rejected(resources: Resources) -> list[tuple[Any, ...]]:
    return query(
        resources,
        "SELECT entity, run_date, failed_checks, rows_read, orphan, flow_run_id "
        "FROM ops.rejected_days",
    )


@pytest.mark.parametrize(
    ("orphans", "of", "limit"), [(50, 100, 0.5), (99, 99, 0.5), (100, 100, 1.0), (0, 100, 0.0)]
)
def test_up_to_the_limit_a_day_is_published(
    resources: Resources, orphans: int, of: int, limit: float
) -> None:
    loaded = load(replace(resources, max_quarantine=limit), day(orphans, of))
    assert loaded.orphan == orphans
    assert rejected(resources) == []


def test_a_day_with_too_much_quarantine_stays_out(resources: Resources) -> None:
    load(resources, day(2, 50, fingerprint="good"))
    before = query(resources, "SELECT * FROM ops.ledger ORDER BY 1")
    with pytest.raises(DayRejectedError) as caught:
        load(resources, day(51))
    assert "51 of 100 rows" in caught.value.what
    assert "51.0 % where 50 % are allowed: agent_id is unknown (51)" in caught.value.what
    assert "--accept" in caught.value.todo
    assert "nobody" not in str(caught.value)
    assert query(resources, "SELECT count(*) FROM conformed.call_logs") == [(48,)]
    assert query(resources, "SELECT count(*) FROM quarantine.records") == [(2,)]
    assert query(resources, "SELECT * FROM ops.ledger ORDER BY 1") == before
    assert rejected(resources) == [("call_logs", DAY, ["quarantine share"], 100, 51, "run-1")]
    assert read_summary(resources.warehouse_dsn, DAY, ["run-1"]).rejected.keys() == {"call_logs"}


def test_accepted_it_is_published_and_no_longer_rejected(resources: Resources) -> None:
    with pytest.raises(DayRejectedError):
        load(resources, day(80))
    assert load(resources, day(80), accept=True).loaded == 20
    assert rejected(resources) == []


def test_an_entity_may_have_a_limit_of_its_own(resources: Resources) -> None:
    strict = replace(CALL_LOGS, max_quarantine=0.1)
    with pytest.raises(DayRejectedError, match="10 % are allowed"):
        load_day(strict, day(11).write(resources), resources)
    load_day(strict, day(10).write(resources), resources)


def with_problems(refused: int, kept: int) -> Day:
    """A day with so many calls whose end was refused, and some whose end was not."""
    rows = calls(refused + kept)
    for row in rows[refused:]:
        row["call_end_time"] = datetime.fromisoformat("2025-11-21")
    problems = [
        {"source_row": i, "record_key": rows[i]["call_id"], "field": "call_end_time",
         "original_value": "soon"}
        for i in range(refused)
    ]  # fmt: skip
    return call_logs(rows, problems=problems)


@pytest.mark.parametrize(("refused", "kept"), [(19, 0), (30, 1)])
def test_a_field_that_says_something_is_not_lost(
    resources: Resources, refused: int, kept: int
) -> None:
    assert load(resources, with_problems(refused, kept)).field_problems == refused


def test_a_field_of_which_nothing_is_left_is_lost(resources: Resources) -> None:
    with pytest.raises(DayRejectedError, match="all 20 values of call_end_time were refused"):
        load(resources, with_problems(20, 0))
    assert rejected(resources)[0][2] == ["lost column"]


def customers(number: int, **values: Any) -> Day:
    rows = [{"customer_id": f"c{i}", "name": f"Name {i}"} for i in range(number)]
    return Day(CUSTOMERS, rows, **values)


def test_customers_cut_to_a_tenth_replace_nobody(resources: Resources) -> None:
    load_static(CUSTOMERS, customers(200).write(resources), resources)
    before = query(resources, "SELECT * FROM conformed.customers ORDER BY 1")
    cut = customers(20, run_date=DAY + timedelta(1), fingerprint="cut").write(resources)
    with pytest.raises(DayRejectedError, match="20 rows came where 200 are loaded"):
        load_static(CUSTOMERS, cut, resources)
    assert query(resources, "SELECT * FROM conformed.customers ORDER BY 1") == before
    assert load(resources, day(0)).loaded == 100
    load_static(CUSTOMERS, cut, resources, accept=True)
    assert query(resources, "SELECT count(*) FROM conformed.customers") == [(200,)]


@pytest.mark.parametrize(
    ("days_before", "rows", "low"), [(3, 1, False), (4, 4, True), (4, 5, False), (9, 4, True)]
)
def test_far_fewer_rows_than_usual_are_said_so(
    resources: Resources, days_before: int, rows: int, low: bool
) -> None:
    for n in range(1, days_before + 1):
        # what is older than seven days does not count.
        load(resources, call_logs(calls(10 if n <= 7 else 1), run_date=DAY - timedelta(n)))
    load(resources, call_logs(calls(rows)))
    found = read_summary(resources.warehouse_dsn, DAY, ["run-1"]).low
    assert found == ([{"entity": "call_logs", "rows_read": rows, "usual": 10}] if low else [])
