"""What rows become: order of the steps, field problems, rejects, counts; whatever the slices."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from blocks.errors import SourceMissingError, SourceUnreadableError, TerminalError
from blocks.resources import Resources
from tasks.cleaning import silver
from tasks.cleaning.silver import refine
from tasks.entities.contracts import AGENTS, CALL_LOGS, CUSTOMERS, SM_COMPLAINTS
from tasks.entities.model import Entity
from tasks.entities.references import Silver
from tasks.lake import parquet
from tasks.lake.bronze import landed
from tasks.reading.land import land

DAY = date(2025, 11, 20)
LABELS = {
    CALL_LOGS: ",call ID,customeR iD,agent ID,COMPLAINT_catego ry,call_start_time,call_end_time,"
    "resolutionstatus,callLogsGenerationDate",
    CUSTOMERS: "customer_id,name,Gender,DATE of biRTH,signup_date,email,address",
    AGENTS: "iD,NamE,experience,state",
}


@pytest.fixture(params=[1, 2, 3, 131_072], ids="slices of {}".format, autouse=True)
def slice_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rule holds wherever a slice ends, and whether or not what is held goes to disk."""
    for module in (parquet, silver):
        monkeypatch.setattr(module, "SLICE_ROWS", request.param)


def refined(resources: Resources, entity: Entity, *lines: str) -> Silver:
    text = "\n".join([LABELS[entity], *lines, ""])
    resources.source.write(entity.source_on(DAY), text.encode())
    heard: list[int] = []
    result = refine(entity, land(entity, DAY, resources), resources, heard.append)
    assert sum(heard) == result.rows_read == len(lines)
    assert result.rows_read == (
        result.exact_duplicates + result.missing_key + result.duplicate_key + result.rows
    )
    frames = [table(resources, key) for key in (result.key, result.problems_key)]
    assert [frame.height for frame in frames] == [result.rows, result.field_problems]
    assert all(frame["source_row"].is_sorted() for frame in frames)
    return result


def table(resources: Resources, key: str) -> pl.DataFrame:
    return pl.read_parquet(resources.lake.uri(key))


def problems(resources: Resources, result: Silver) -> list[tuple[Any, ...]]:
    return table(resources, result.problems_key).rows()


def rejects(resources: Resources, result: Silver) -> list[tuple[Any, ...]]:
    frame = table(resources, result.rejects_key)
    assert frame.columns == ["source_row", "issue", "reason", "record_key", "record"]
    assert frame["source_row"].is_sorted()
    return frame.select("source_row", "issue", "record_key").rows()


@pytest.mark.parametrize("damage", ["empty", "text", "cut off", "a byte", "numbers"])
def test_a_bronze_file_that_is_damaged_or_foreign_is_named(
    damage: str, resources: Resources
) -> None:
    refined(resources, AGENTS, "1,ann,Intern,Texas")
    bronze = landed("agents", DAY, resources.lake)
    path = Path(resources.lake.uri(bronze.key))
    data = path.read_bytes()
    footer = len(data) - 60  # the end of what describes the columns
    if damage == "numbers":
        labels = LABELS[AGENTS].split(",")
        pl.DataFrame({label: [1] for label in labels}).write_parquet(path)
    else:
        path.write_bytes(
            {
                "empty": b"",
                "text": b"secret" * 100,
                "cut off": data[:-1],
                "a byte": data[:footer] + bytes([data[footer] ^ 0xFF]) + data[footer + 1 :],
            }[damage]
        )
    with pytest.raises(
        SourceUnreadableError, match=r"damaged.*agents/2025-11-20\.parquet"
    ) as caught:
        refine(AGENTS, bronze, resources)
    assert "secret" not in str(caught.value)


def test_types_columns_and_values_of_a_call_log(resources: Resources) -> None:
    result = refined(
        resources,
        CALL_LOGS,
        "0, c1\u00a0,7 , 3,NETWORK failure,2025-11-19T23:50:00.25,2025-11-20 00:10:00,"
        "in-progress,2025-11-20 08:00:00",
    )
    frame = table(resources, result.key)
    assert frame.schema == {
        "call_id": pl.String,
        "customer_id": pl.String,
        "agent_id": pl.String,
        "complaint_category": pl.String,
        "call_start_time": pl.Datetime("us"),
        "call_end_time": pl.Datetime("us"),
        "resolution_status": pl.String,
        "call_logs_generation_date": pl.Date,
        "request_date": pl.Date,
        "source_row": pl.Int64,
    }
    assert frame.rows() == [
        (
            "c1",
            "7",
            "3",
            "Network Failure",
            datetime.fromisoformat("2025-11-19T23:50:00.25"),
            datetime.fromisoformat("2025-11-20T00:10:00"),
            "In-Progress",
            DAY,
            date(2025, 11, 19),
            0,
        )
    ]
    assert problems(resources, result) == []
    assert (result.exact_duplicates, result.missing_key, result.duplicate_key) == (0, 0, 0)


def test_the_first_of_equal_rows_and_the_last_of_a_key_stay(resources: Resources) -> None:
    result = refined(
        resources,
        AGENTS,
        "1,ann,Intern,Texas",
        "2,bob,Junior,Ohio",
        " 1,ann ,Intern,Texas",  # equal once stripped
        "1,ann,Senior,Texas",
        "1,ann,Intern,Texas",  # equal to the first, though another came between
        "2,BOB,Junior,Ohio",  # equal only once cleaned: another row
        "3,eve,Senior,Utah",
    )
    silver = table(resources, result.key)
    assert silver["source_row"].to_list() == [3, 5, 6]
    assert silver["experience"].to_list() == ["Senior", "Junior", "Senior"]
    assert result.exact_duplicates == 2
    assert rejects(resources, result) == [(0, "duplicate_key", "1"), (1, "duplicate_key", "2")]


def test_rows_without_a_key(resources: Resources) -> None:
    result = refined(
        resources,
        AGENTS,
        ",ann,Intern,Texas",
        "1,bob,Junior,Ohio",
        " \u2003,ann,Intern,Texas",
        ",eve,Intern,Texas",
    )
    assert (result.exact_duplicates, result.missing_key, result.duplicate_key) == (1, 2, 0)
    assert rejects(resources, result) == [(0, "missing_key", None), (3, "missing_key", None)]


def test_rejects_keep_original_values_and_say_why(resources: Resources) -> None:
    result = refined(
        resources,
        CALL_LOGS,
        '0, c1 ,,3, paymants,"a ""b"",\u00e9",NULL,x,',
        "1,c1,7,3,Payments,,,,",
        "2,,7,3,Payments,,,,",
    )
    frame = table(resources, result.rejects_key)
    assert [json.loads(record) for record in frame["record"]] == [
        {
            "call_id": " c1 ",
            "customer_id": None,
            "agent_id": "3",
            "complaint_category": " paymants",
            "call_start_time": 'a "b",\u00e9',
            "call_end_time": "NULL",
            "resolution_status": "x",
            "call_logs_generation_date": None,
        },
        {
            "call_id": None,
            "customer_id": "7",
            "agent_id": "3",
            "complaint_category": "Payments",
            "call_start_time": None,
            "call_end_time": None,
            "resolution_status": None,
            "call_logs_generation_date": None,
        },
    ]
    assert frame["record_key"].to_list() == ["c1", None]
    assert frame["reason"].to_list() == [
        "a later row of the same day has the same call_id",
        "call_id is empty",
    ]
    assert problems(resources, result) == []  # a rejected row has none


def test_field_problems_in_file_and_contract_order(resources: Resources) -> None:
    result = refined(
        resources,
        CUSTOMERS,
        '1,ann,x , 2025-02-30,,ann at home,"1 Main St, Springfield"',
        "2,bob,f,1980-01-01,2024-01-01,bob@gmial.om,",
        '3 ,eve,,,1/1/2024,,"2 Main St, Austin, XX 78701 "',
    )
    assert problems(resources, result) == [
        (0, "1", "gender", "x "),
        (0, "1", "date_of_birth", " 2025-02-30"),
        (0, "1", "email", "ann at home"),
        (0, "1", "zip_code", "1 Main St, Springfield"),
        (0, "1", "state_code", "1 Main St, Springfield"),
        (2, "3", "signup_date", "1/1/2024"),
        (2, "3", "state_code", "2 Main St, Austin, XX 78701 "),
    ]
    silver = table(resources, result.key)
    assert silver["email"].to_list() == [None, "bob@gmail.com", None]
    assert silver["zip_code"].to_list() == [None, None, "78701"]
    assert silver["address"].to_list() == [
        "1 Main St, Springfield",
        None,
        "2 Main St, Austin, XX 78701",
    ]


@pytest.mark.parametrize(
    ("start", "end", "kept", "problem"),
    [
        ("2025-11-20 10:00:00", "2025-11-20 09:59:59.999999", False, True),
        ("2025-11-20 10:00:00", "2025-11-20 10:00:00", True, False),
        ("2025-11-20 00:00:00", "2025-11-20", True, False),
        ("2025-11-20 10:00:00", "2025-11-20", False, True),
        ("", "2025-11-20 10:00:00", True, False),
        ("never", "2025-11-20 10:00:00", True, False),
        ("2025-11-20 10:00:00", "", False, False),
        ("2025-11-20 10:00:00", "never", False, True),
    ],
)
def test_an_end_before_the_start(
    resources: Resources, start: str, end: str, kept: bool, problem: bool
) -> None:
    result = refined(resources, CALL_LOGS, f"0,c1,7,3,Payments,{start},{end},Resolved,")
    assert (table(resources, result.key)["call_end_time"].item() is not None) == kept
    of_end = [p for p in problems(resources, result) if p[2] == "call_end_time"]
    assert of_end == ([(0, "c1", "call_end_time", end)] if problem else [])


def test_resolution_before_request_in_columnar_json(resources: Resources) -> None:
    values = {f.name: {"0": "x", "7": "x"} for f in SM_COMPLAINTS.fields}
    values |= {
        "complaint_id": {"0": "m1", "7": "m2"},
        "request_date": {"0": "2025-11-20", "7": "2025-11-20 23:00:00"},
        "resolution_date": {"0": "2025-11-19", "7": "2025-11-20"},
    }
    resources.source.write(SM_COMPLAINTS.source_on(DAY), json.dumps(values).encode())
    result = refine(SM_COMPLAINTS, land(SM_COMPLAINTS, DAY, resources), resources)
    assert table(resources, result.key)["resolution_date"].to_list() == [None, DAY]
    assert (0, "m1", "resolution_date", "2025-11-19") in problems(resources, result)


def test_a_day_of_no_rows(resources: Resources) -> None:
    result = refined(resources, CALL_LOGS)
    assert table(resources, result.key).columns == [*CALL_LOGS.columns, "source_row"]
    assert (problems(resources, result), rejects(resources, result)) == ([], [])


def test_all_rows_rejected(resources: Resources) -> None:
    result = refined(resources, AGENTS, ",a,,", ",b,,", ",c,,", ",d,,")
    assert (result.missing_key, result.rows) == (4, 0)


def test_refining_again_replaces_the_files(resources: Resources) -> None:
    refined(resources, AGENTS, "1,ann,x,Texas", ",bob,,", "1,ann,y,Texas")
    again = refined(resources, AGENTS, "2,eve,Intern,UT")
    assert table(resources, again.key)["agent_id"].to_list() == ["2"]
    assert (problems(resources, again), rejects(resources, again)) == ([], [])


def test_a_bronze_file_that_is_gone_is_named(resources: Resources) -> None:
    resources.source.write(AGENTS.source_on(DAY), f"{LABELS[AGENTS]}\n1,a,,\n".encode())
    bronze = land(AGENTS, DAY, resources)
    resources.lake.delete(bronze.key)
    with pytest.raises(SourceMissingError) as caught:
        refine(AGENTS, bronze, resources)
    assert bronze.key in caught.value.where


def test_a_bronze_file_that_another_run_replaced_is_not_taken(resources: Resources) -> None:
    key = AGENTS.source_on(DAY)
    resources.source.write(key, f"{LABELS[AGENTS]}\n1,a,,\n2,b,,\n".encode())
    bronze = land(AGENTS, DAY, resources)
    resources.source.write(key, f"{LABELS[AGENTS]}\n1,a,,\n".encode())
    land(AGENTS, DAY, resources)
    with pytest.raises(TerminalError, match="holds 1 rows, not the 2"):
        refine(AGENTS, bronze, resources)
