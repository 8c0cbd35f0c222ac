"""Input that looks bad and is ordinary: a whole run completes, and every row is accounted for."""

from collections.abc import Iterator

import psycopg
import pytest

from tasks.reporting.progress import board
from tests.conftest import new_database
from tests.integration import telecom as t
from tests.integration.telecom import DAY, Telecom


@pytest.fixture(scope="module")
def opened(
    prefect_server: None, postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Telecom]:
    with (
        new_database(postgres) as dsn,
        t.open_for_business(tmp_path_factory.mktemp("telecom"), dsn) as opened,
    ):
        yield opened


@pytest.fixture
def telecom(opened: Telecom) -> Iterator[Telecom]:
    """Good sources, to be changed; loaded once already."""
    yield opened
    opened.deliver()


def ledger(telecom: Telecom, entity: str = "call_logs") -> dict[str, int]:
    """The day's counts that are not zero."""
    columns = "rows_read, exact_duplicates, missing_key, duplicate_key, orphan, loaded"
    with psycopg.connect(telecom.dsn) as connection:
        row = connection.execute(
            f"SELECT {columns}, field_problems FROM ops.ledger WHERE entity = %s", [entity]
        ).fetchone()
    assert row
    names = [*columns.split(", "), "field_problems"]
    return {name: count for name, count in zip(names, row, strict=True) if count}


def test_what_killed_the_public_original(telecom: Telecom) -> None:
    """An empty and an unreadable start time, blank keys, no index column, an empty agent id."""
    rows = [
        t.call(0, call_start_time=""),
        t.call(1, call_start_time=f"soon, {t.NAMES[0]}"),
        t.call(2, **{"call ID": " "}),
        t.call(3, "c1", **{"call ID": ""}),
        t.call(4, agent=""),
        t.call(5, agent="a1"),
    ]
    text = t.csv_text(t.CALL_LOGS_HEADER[1:], *(row[1:] for row in rows))
    telecom.put(t.CALL_LOGS, text)
    run = telecom.run()
    assert run.state.is_completed(), run.message
    counts = {"rows_read": 6, "missing_key": 2, "orphan": 1, "loaded": 3, "field_problems": 1}
    assert ledger(telecom) == counts
    with psycopg.connect(telecom.dsn) as connection:
        agents = connection.execute("SELECT call_id, agent_id FROM conformed.call_logs ORDER BY 1")
        assert agents.fetchall() == [("call-0", "a0"), ("call-1", "a0"), ("call-5", "a1")]
    assert not run.leaked()


@pytest.mark.parametrize(
    ("address", "text", "entity"),
    [
        (t.CALL_LOGS, t.csv_text(t.CALL_LOGS_HEADER), "call_logs"),
        (t.SM_COMPLAINTS, "[]", "sm_complaints"),
    ],
)
def test_a_day_without_a_row(telecom: Telecom, address: str, text: str, entity: str) -> None:
    """A header alone: the day is loaded, empty, and a warning says so."""
    telecom.put(address, text)
    board.clear()
    run = telecom.run()
    assert run.state.is_completed(), run.message
    assert ledger(telecom, entity) == {}
    warning = f"{entity}: no rows"
    assert any(note.startswith(warning) for note in board.notes)
    assert warning in run.written()
    with psycopg.connect(telecom.dsn) as connection:
        count = connection.execute(f"SELECT count(*) FROM conformed.{entity}").fetchone()
    assert count == (0,)


def test_columns_in_another_order_and_one_more(telecom: Telecom) -> None:
    header = ["remark", *reversed(t.CALL_LOGS_HEADER)]
    row = [f"ask {t.NAMES[0]}", *reversed(t.call(1))]
    telecom.put(t.CALL_LOGS, t.csv_text(header, row))
    board.clear()
    run = telecom.run()
    assert run.state.is_completed(), run.message
    assert ledger(telecom) == {"rows_read": 1, "loaded": 1}
    assert any("unexpected columns kept out: 'remark'" in note for note in board.notes)
    assert not run.leaked()


LONG = "x" * 10_000_000


@pytest.mark.parametrize(
    ("row", "counts"),
    [
        (t.call(1, **{"COMPLAINT_catego ry": LONG}), {"loaded": 1, "field_problems": 1}),
        (t.call(1, customer=LONG), {"orphan": 1}),
    ],
    ids=["a category", "a customer"],
)
def test_ten_megabytes(telecom: Telecom, row: list[str], counts: dict[str, int]) -> None:
    telecom.put(t.CALL_LOGS, t.call_logs(row))
    run = telecom.run()
    assert run.state.is_completed(), run.message
    assert ledger(telecom) == {"rows_read": 1} | counts
    assert "x" * 1000 not in run.written()


def test_a_key_of_ten_megabytes(telecom: Telecom) -> None:
    """No index takes it: the day fails and says why, and what was loaded stays."""
    tables = telecom.tables()
    telecom.put(t.CALL_LOGS, t.call_logs(t.call(1), t.call(2, **{"call ID": LONG})))
    run = telecom.run()
    assert run.state.is_failed()
    assert run.message.startswith("load_call_logs failed: ")
    assert "too long for an index" in run.message
    assert len(run.message) < 1000
    assert telecom.tables() == tables


def test_keys_that_only_look_alike(telecom: Telecom) -> None:
    """An id is text: neither its leading zeros nor its case are anybody's to change."""
    rows = [t.call(i, **{"call ID": key}) for i, key in enumerate(("7", "07", "7.5", "a", "A"))]
    telecom.put(t.CALL_LOGS, t.call_logs(*rows))
    assert telecom.run().state.is_completed()
    assert ledger(telecom) == {"rows_read": 5, "loaded": 5}


def test_the_run_date_has_its_own_file(telecom: Telecom) -> None:
    """Yesterday's complaints in today's file are today's rows."""
    rows = t.call(1, call_start_time=f"{DAY.replace(day=20)} 09:00:00")
    telecom.put(t.CALL_LOGS, t.call_logs(rows))
    assert telecom.run().state.is_completed()
    with psycopg.connect(telecom.dsn) as connection:
        dates = connection.execute(
            "SELECT run_date, request_date FROM conformed.call_logs"
        ).fetchall()
    assert dates == [(DAY, DAY.replace(day=20))]
