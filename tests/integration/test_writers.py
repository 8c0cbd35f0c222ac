"""A day as real tools write it, loaded: the tables hold what the oracle makes of the plain text.

docs/sources.md has what each of them writes; tests/real/test_spark.py does the same with Spark.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest

from blocks.resources import Resources
from tasks.entities.contracts import AGENTS, CALL_LOGS, WEB_COMPLAINTS
from tasks.entities.model import File
from tasks.loading.static import load_static
from tests import oracle
from tests.comparison import WEB_FORMS, stored
from tests.writers import (
    CALLS,
    DAY,
    EXPECTED,
    KNOWN_AGENTS,
    KNOWN_CUSTOMERS,
    LABELS,
    PLAIN,
    check,
    know,
    place,
    refined,
    text_of,
)


@pytest.fixture
def known(resources: Resources) -> Resources:
    """A database that knows the customers and agents."""
    return know(resources)


def zoned(frame: Any) -> Any:
    """A pandas frame whose moments have a zone, none of them UTC."""
    for column in ("call_start_time", "call_end_time"):
        frame[column] = frame[column].dt.tz_localize("UTC").dt.tz_convert("Asia/Kolkata")
    return frame


@pytest.fixture(scope="module")
def pandas() -> Any:
    import pandas

    return pandas


def pandas_frame(pd: Any) -> Any:
    frame = pd.DataFrame([dict(zip(LABELS.values(), c.values(), strict=True)) for c in CALLS])
    for column in ("call_start_time", "call_end_time"):
        frame[column] = pd.to_datetime(frame[column]).dt.tz_localize(None)
    assert frame["agent ID"].dtype == "float64"
    return frame


@pytest.mark.parametrize(
    ("ending", "write"),
    [
        pytest.param(".csv", lambda f, p: f.to_csv(p), id="csv with its index"),
        pytest.param(".csv", lambda f, p: f.to_csv(p, index=False), id="csv"),
        pytest.param(".csv", lambda f, p: zoned(f).to_csv(p), id="csv of zones"),
        pytest.param(".csv", lambda f, p: f.to_csv(p, encoding="utf-8-sig"), id="csv for Excel"),
        pytest.param(".csv.gz", lambda f, p: f.to_csv(p), id="csv.gz"),
        pytest.param(
            ".csv",
            lambda f, p: (f[:5].to_csv(p, mode="a"), f[5:].to_csv(p, mode="a")),
            id="csv appended to, header again",
        ),
        pytest.param(".json", lambda f, p: f.to_json(p), id="json"),
        pytest.param(".json", lambda f, p: f.to_json(p, date_unit="ns"), id="json of nanoseconds"),
        pytest.param(".json", lambda f, p: f.to_json(p, date_format="iso"), id="json of iso"),
        pytest.param(
            ".json", lambda f, p: zoned(f).to_json(p, date_format="iso"), id="json of zones"
        ),
        pytest.param(".json", lambda f, p: f.to_json(p, orient="records"), id="json of records"),
        pytest.param(".jsonl", lambda f, p: f.to_json(p, orient="records", lines=True), id="jsonl"),
        pytest.param(".json.gz", lambda f, p: f.to_json(p), id="json.gz"),
    ],
)
def test_pandas(
    ending: str, write: Callable[[Any, Path], Any], known: Resources, pandas: Any
) -> None:
    write(pandas_frame(pandas), place(known, ending))
    check(CALL_LOGS, known, EXPECTED)


def test_pandas_parquet(known: Resources, pandas: Any) -> None:
    zoned(pandas_frame(pandas)).to_parquet(place(known, ".parquet"), index=True)
    check(CALL_LOGS, known, EXPECTED)


def polars_frame() -> pl.DataFrame:
    return pl.DataFrame(CALLS).rename(LABELS)


@pytest.mark.parametrize(
    ("ending", "write"),
    [
        pytest.param(".csv", lambda f, p: f.write_csv(p), id="csv"),
        pytest.param(".csv", lambda f, p: f.write_csv(p, include_bom=True), id="csv with a mark"),
        pytest.param(".json", lambda f, p: f.write_json(p), id="json"),
        pytest.param(".ndjson", lambda f, p: f.write_ndjson(p), id="ndjson"),
        pytest.param(".parquet", lambda f, p: f.write_parquet(p), id="parquet"),
        pytest.param(
            ".parquet",
            lambda f, p: f.with_columns(pl.col("agent ID").cast(pl.Float64)).write_parquet(p),
            id="parquet of floats",
        ),
    ],
)
def test_polars(ending: str, write: Callable[[pl.DataFrame, Path], Any], known: Resources) -> None:
    write(polars_frame(), place(known, ending))
    check(CALL_LOGS, known, EXPECTED)


@pytest.mark.parametrize(
    ("ending", "options"),
    [
        pytest.param(".csv", "FORMAT csv, HEADER", id="csv"),
        pytest.param(".csv.gz", "FORMAT csv, HEADER", id="csv.gz"),
        pytest.param("", "FORMAT csv, HEADER, PER_THREAD_OUTPUT", id="csv in parts"),
        pytest.param(".ndjson", "FORMAT json", id="ndjson"),
        pytest.param(".json", "FORMAT json, ARRAY true", id="json"),
        pytest.param(".parquet", "FORMAT parquet", id="parquet"),
        pytest.param(".parquet", "FORMAT parquet, PER_THREAD_OUTPUT", id="parquet in parts"),
    ],
)
def test_duckdb(ending: str, options: str, known: Resources) -> None:
    import duckdb

    with duckdb.connect() as connection:
        kinds = ", ".join(f'"{label}" {KINDS[column]}' for column, label in LABELS.items())
        connection.execute(f"CREATE TABLE calls ({kinds})")
        marks = ", ".join("?" * len(LABELS))
        connection.executemany(
            f"INSERT INTO calls VALUES ({marks})",
            # DuckDB takes a moment with a zone as text alone, without another package.
            [[str(v) if isinstance(v, datetime) else v for v in c.values()] for c in CALLS],
        )
        connection.execute(f"COPY calls TO '{place(known, ending)}' ({options})")
    check(CALL_LOGS, known, EXPECTED)


KINDS = dict.fromkeys(LABELS, "VARCHAR") | {
    "call_id": "BIGINT",
    "agent_id": "DOUBLE",
    "call_start_time": "TIMESTAMP",
    "call_end_time": "TIMESTAMP",
    "call_logs_generation_date": "DATE",
}


def test_excel_with_semicolons_by_its_declaration(known: Resources) -> None:
    semicolons = File("agents/excel.csv", delimiter=";", encoding="cp1252")
    excel = replace(AGENTS, source=semicolons)
    text = 'iD;NamE;experience;state\r\n1;"Zoë;Š€";Senior;Ohio\r\n2;ÉLODIE;intern;\r\n'
    known.source.write("agents/excel.csv", text.encode("cp1252"))
    load_static(excel, refined(excel, known), known)
    with psycopg.connect(known.warehouse_dsn) as connection:
        names = {key: row["name"] for key, row in stored(connection, "agents").items()}
    assert names == {"1": "Zoë;Š€", "2": "Élodie", "7": None, "1001": None}


def test_a_sheets_number_format(known: Resources) -> None:
    header = ",".join(LABELS.values())
    rows = ['"100,000","1,319.00",Payments,"1,001",2025-11-20 10:00:00,,Resolved,2025-11-20']
    place(known, ".csv").write_text("\n".join([header, *rows]))
    plain = {**PLAIN[0], "customer_id": "1319", "agent_id": "1001", "call_end_time": None}
    expected = oracle.interpret("call_logs", [plain], KNOWN_CUSTOMERS, KNOWN_AGENTS)
    assert list(expected.conformed) == ["100000"]
    check(CALL_LOGS, known, expected)


@pytest.mark.parametrize("moments", ["timestamptz", "timestamp", "date", "text"])
@pytest.mark.parametrize("keys", ["bigint", "numeric(12, 1)", "double precision", "text"])
def test_postgresqls_own_types(keys: str, moments: str, known: Resources) -> None:
    rows: list[dict[str, Any]] = [
        {
            "request_id": 500 + number,
            "customer_id": 1319,
            "complaint_category": "Payments",
            "agent_id": None if number == 3 else 7,
            "resolution_status": "Resolved",
            "request_date": "2025-11-20 01:30:00+05:30",
            "resolution_date": "2025-11-20 23:30:00-01:00",
            "web_form_generation_date": "2025-11-20",
        }
        for number in range(5)
    ]
    kinds = {
        "request_id": keys,
        "customer_id": keys,
        "agent_id": keys,
        "request_date": moments,
        "resolution_date": moments,
    }
    table = f'customer_complaints."{WEB_FORMS.format(day=DAY)}"'
    with psycopg.connect(known.web_forms_dsn) as connection:
        connection.execute("DROP SCHEMA IF EXISTS customer_complaints CASCADE")
        connection.execute("CREATE SCHEMA customer_complaints")
        columns = ", ".join(f"{column} {kinds.get(column, 'text')}" for column in rows[0])
        connection.execute(f"CREATE TABLE {table} ({columns})")
        marks = ", ".join(["%s"] * len(rows[0]))
        connection.cursor().executemany(
            f"INSERT INTO {table} VALUES ({marks})", [list(row.values()) for row in rows]
        )
    # without a zone PostgreSQL keeps what the clock showed.
    days = (
        ("2025-11-19", "2025-11-21")
        if moments in ("timestamptz", "text")
        else ("2025-11-20", "2025-11-20")
    )
    plain = [
        {c: text_of(v) for c, v in row.items()}
        | {"request_date": days[0], "resolution_date": days[1]}
        for row in rows
    ]
    expected = oracle.interpret("web_complaints", plain, KNOWN_CUSTOMERS, KNOWN_AGENTS)
    assert expected.counts["loaded"] == 4
    check(WEB_COMPLAINTS, known, expected)
