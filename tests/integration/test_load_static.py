"""Customers and agents: what an upsert touches, what it counts, and that it is all or nothing."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import psycopg
import pytest

from blocks.database import connect
from blocks.errors import CoreTelecomsError
from blocks.resources import Resources
from tasks.entities.contracts import AGENTS, CUSTOMERS
from tasks.entities.references import Loaded
from tasks.loading.copying import FileReplacedError
from tasks.loading.static import load_static
from tasks.loading.tables import create_all_tables
from tests.integration.days import DAY, Day, query


@pytest.fixture(autouse=True)
def _tables(resources: Resources) -> None:
    with connect(resources.warehouse_dsn) as connection:
        create_all_tables(connection)


def _load(resources: Resources, names: Mapping[str, str | None], **values: Any) -> Loaded:
    rows = [{"customer_id": key, "name": name} for key, name in names.items()]
    return load_static(CUSTOMERS, Day(CUSTOMERS, rows, **values).write(resources), resources)


def _counts(loaded: Loaded) -> tuple[int | None, int | None, int | None]:
    return loaded.inserted, loaded.updated, loaded.unchanged


def _names(resources: Resources) -> dict[str, str | None]:
    return dict(query(resources, "SELECT customer_id, name FROM conformed.customers"))


def test_new_changed_and_unchanged_rows_are_counted_apart(resources: Resources) -> None:
    assert _counts(_load(resources, {"1": "Ann", "2": "Bo", "3": None, "4": ""})) == (4, 0, 0)
    changed = {"1": "Ann", "2": None, "3": "Cy", "4": "", "5": "Di"}
    assert _counts(_load(resources, changed)) == (1, 2, 2)
    assert _counts(_load(resources, changed)) == (0, 0, 5)
    assert _names(resources) == changed
    ledger = "SELECT rows_read, loaded, inserted, updated, unchanged FROM ops.ledger"
    assert query(resources, ledger) == [(5, 5, 0, 0, 5)]


def test_unchanged_rows_are_not_touched(resources: Resources) -> None:
    versions = "SELECT customer_id, xmin::text, ctid::text, last_changed_at, first_loaded_at, "
    versions += "run_date FROM conformed.customers ORDER BY 1"
    _load(resources, {"1": "Ann", "2": "Bo"})
    one, two = query(resources, versions)
    later = date(2025, 11, 22)
    _load(resources, {"1": "Ann", "2": "Bob"}, run_date=later)
    one_then, two_then = query(resources, versions)
    assert one_then == one
    assert two_then[1] != two[1]
    assert two_then[3] > two[3]
    assert two_then[4] == two[4]
    assert (two[5], two_then[5]) == (DAY, later)


def test_every_column_may_change(resources: Resources) -> None:
    first = {"agent_id": "1", "name": "A", "experience": "Junior", "state": "Ohio"}
    for name in ("name", "experience", "state"):
        for row, updated in ((first, 0), (first | {name: None}, 1), (first, 1)):
            load_static(AGENTS, Day(AGENTS, [first]).write(resources), resources)
            loaded = load_static(AGENTS, Day(AGENTS, [row]).write(resources), resources)
            assert loaded.updated == (updated if row != first else 0)
            columns = "agent_id, name, experience, state"
            assert query(resources, f"SELECT {columns} FROM conformed.agents") == [
                tuple(row.values())
            ]


def test_rows_that_the_source_lost_stay(resources: Resources) -> None:
    _load(resources, {"1": "Ann", "2": "Bo"})
    assert _counts(_load(resources, {"2": "Bo"})) == (0, 0, 1)
    assert set(_names(resources)) == {"1", "2"}


def test_an_older_run_date_brings_what_the_source_says_now(resources: Resources) -> None:
    _load(resources, {"1": "Ann"})
    _load(resources, {"1": "Anna", "2": "Bo"}, run_date=date(2025, 11, 1))
    found = query(resources, "SELECT name, run_date FROM conformed.customers ORDER BY 1")
    assert found == [("Anna", DAY), ("Bo", date(2025, 11, 1))]


def test_a_key_is_text_whatever_it_looks_like(resources: Resources) -> None:
    keys = {"01": "a", "1": "b", "1.0": "c", "": "d", "é": "e", "e\u0301": "f", "A": "g", "a": "h"}
    assert _counts(_load(resources, keys)) == (8, 0, 0)
    assert _names(resources) == keys


def test_rejects_and_problems_of_the_date_are_replaced(resources: Resources) -> None:
    reject = {"source_row": 1, "issue": "missing_key", "reason": "no key", "record": "{}"}
    problem = {"source_row": 0, "record_key": "1", "field": "gender", "original_value": "?"}
    counted = (
        "SELECT (SELECT count(*) FROM quarantine.records), "
        "(SELECT count(*) FROM ops.field_problems)"
    )
    for _ in range(2):
        loaded = _load(resources, {"1": "Ann"}, rejects=[reject], problems=[problem])
        assert (loaded.missing_key, loaded.field_problems) == (1, 1)
        assert query(resources, counted) == [(1, 1)]
    _load(resources, {"1": "Ann"}, rejects=[reject], run_date=date(2025, 11, 22))
    _load(resources, {"1": "Ann"})
    assert query(resources, counted) == [(1, 0)]


def test_no_row_is_loaded_when_one_is_rejected(resources: Resources) -> None:
    reject = {"source_row": 30, "issue": "no such issue", "reason": "", "record": "{}"}
    with pytest.raises(CoreTelecomsError, match="CheckViolation"):
        _load_unbalanced(resources, reject)
    assert _names(resources) == {}
    assert query(resources, "SELECT count(*) FROM ops.ledger") == [(0,)]


def _load_unbalanced(resources: Resources, reject: dict[str, Any]) -> None:
    day = Day(CUSTOMERS, [{"customer_id": str(i)} for i in range(30)], rejects=[reject])
    load_static(CUSTOMERS, replace(day.write(resources), missing_key=1), resources)


@pytest.mark.parametrize("counts", [{"rows": 4}, {"missing_key": 1, "rows_read": 4}], ids=str)
def test_files_that_are_not_their_reference_are_not_loaded(
    resources: Resources, counts: dict[str, int]
) -> None:
    silver = Day(CUSTOMERS, [{"customer_id": str(i)} for i in range(3)]).write(resources)
    with pytest.raises(FileReplacedError):
        load_static(CUSTOMERS, replace(silver, **counts), resources)  # type: ignore[arg-type]
    assert _names(resources) == {}


def test_a_load_works_while_another_session_reads(resources: Resources) -> None:
    _load(resources, {"1": "Ann"})
    with psycopg.connect(resources.warehouse_dsn) as reader:
        assert reader.execute("SELECT name FROM conformed.customers").fetchall() == [("Ann",)]
        assert _counts(_load(resources, {"1": "Anna"})) == (0, 1, 0)
