"""The oracle by hand: an example for each source and step of docs/contract.md."""

import doctest
import json
from datetime import date
from types import ModuleType

import pytest

from tests.oracle import (
    ENTITIES,
    DriftError,
    Problem,
    Rejected,
    UnreadableError,
    entities,
    interpret,
    read,
    rows,
    sources,
    stripping,
    tabulate,
    upsert,
    values,
)
from tests.oracle.good import GOOD, cleaned, outcome

AGENTS = b"iD,NamE,experience,state\n"


@pytest.mark.parametrize(
    "module", [entities, rows, sources, stripping, values], ids=lambda m: m.__name__
)
def test_docstring_examples(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("entity", "header"),
    [
        ("customers", "customer_id,name,Gender,DATE of biRTH,signup_date,email,address"),
        ("agents", "iD,NamE,experience,state"),
        (
            "call_logs",
            ",call ID,customeR iD,COMPLAINT_catego ry,agent ID,call_start_time,call_end_time,"
            "resolutionstatus,callLogsGenerationDate",
        ),
        (
            "sm_complaints",
            "complaint_id,customeR iD,COMPLAINT_catego ry,agent ID,resolutionstatus,request_date,"
            "resolution_date,media_channel,MediaComplaintGenerationDate",
        ),
        (
            "web_complaints",
            "column1,request_id,customeR iD,COMPLAINT_catego ry,agent ID,resolutionstatus,"
            "request_date,resolution_date,webFormGenerationDate",
        ),
    ],
)
def test_published_headers_are_the_contract(entity: str, header: str) -> None:
    names = header.split(",")
    (row,) = tabulate(entity, names, [names]).rows
    assert set(row) == set(ENTITIES[entity].rules)
    assert tabulate(entity, names, []).unexpected == ()


def test_extra_column_is_kept_out_and_named() -> None:
    table = read("agents", b"state,iD,Note 1,NamE,experience\nOhio,a1,x,Bo,Senior\n")
    assert table.rows == [GOOD["agents"]]
    assert table.unexpected == ("Note 1",)


@pytest.mark.parametrize(
    "header",
    [
        b"iD,NamE,state\n",
        b"iD,NamE,na me,experience,state\n",
        b"agent_id,NamE,experience,state\n",
    ],
    ids=["missing", "twice", "renamed"],
)
def test_missing_or_doubled_column_is_drift(header: bytes) -> None:
    with pytest.raises(DriftError):
        read("agents", header)


def test_csv_keeps_what_stands_between_quotes() -> None:
    source = AGENTS + b'"a\n1",  Bo ,"x ""y"", z",\r\n'
    (row,) = read("agents", source).rows
    assert list(row.values()) == ["a\n1", "  Bo ", 'x "y", z', None]


def test_csv_header_only_is_a_day_of_no_rows() -> None:
    assert read("agents", AGENTS).rows == []


@pytest.mark.parametrize("source", [b"", AGENTS + b"a1,Bo\n"], ids=["empty", "ragged"])
def test_csv_that_is_none(source: bytes) -> None:
    with pytest.raises(UnreadableError):
        read("agents", source)


def json_records() -> list[dict[str, str | None]]:
    return [
        {**GOOD["sm_complaints"], "complaint_id": "k2"},
        {**GOOD["sm_complaints"], "agent_id": None},
    ]


def test_three_json_shapes_hold_the_same_rows() -> None:
    records = json_records()
    columns = {name: {"7": records[0][name], "3": records[1][name]} for name in records[0]}
    lines = "\n".join(json.dumps(record) for record in records)
    for text in (json.dumps(columns), json.dumps(records), lines):
        assert read("sm_complaints", text.encode()).rows == records


def test_json_array_without_records_is_a_day_of_no_rows() -> None:
    assert read("sm_complaints", b" []\n").rows == []


def test_column_oriented_rows_are_aligned_by_label() -> None:
    records = json_records()
    columns = {name: {"7": records[0][name], "3": records[1][name]} for name in records[0]}
    columns["agent_id"] = {"3": "a3", "7": "a7"}
    table = read("sm_complaints", json.dumps(columns).encode())
    assert [(row["complaint_id"], row["agent_id"]) for row in table.rows] == [
        ("k2", "a7"),
        ("k1", "a3"),
    ]


@pytest.mark.parametrize("column", [{"7": "a7"}, {"7": "a7", "9": "a9"}, {}])
def test_column_oriented_rows_of_other_labels_are_drift(column: dict[str, str]) -> None:
    records = json_records()
    columns = {name: {"7": records[0][name], "3": records[1][name]} for name in records[0]}
    with pytest.raises(DriftError):
        read("sm_complaints", json.dumps(columns | {"agent_id": column}).encode())


@pytest.mark.parametrize("again", ["iD,NamE,experience,state", "\ufeffiD,NamE,experience,state"])
def test_a_header_again_is_no_row(again: str) -> None:
    table = read("agents", AGENTS + f"a1,Bo,Senior,Ohio\n{again}\na1,NamE,,\n".encode())
    assert [row["name"] for row in table.rows] == ["Bo", "NamE"]
    assert table.headers_again == 1


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ("1319", "1319"),
        ("1319.0", "1319.0"),
        ("1E+400", "1E+400"),
        ("-0", "-0"),
        ("true", "true"),
        ("null", None),
        ("NaN", None),
        ("[NaN]", "[null]"),
        ("-Infinity", "-Infinity"),
        ('"NaN"', "NaN"),
        ('""', ""),
        ('"caf\\u00e9"', "café"),
        ('{"a" : [1.50, "é", null, false]}', '{"a":[1.50,"é",null,false]}'),
    ],
)
def test_json_values_as_text(literal: str, text: str | None) -> None:
    record = json.dumps({**GOOD["sm_complaints"], "agent_id": "HERE"}).replace('"HERE"', literal)
    (row,) = read("sm_complaints", record.encode()).rows
    assert row["agent_id"] == text


def test_step_1_strips_white_space_and_empties() -> None:
    row = cleaned("agents", agent_id="\u2003a1\x1c", name="\u00a0", state="")
    assert (row["agent_id"], row["name"], row["state"]) == ("a1", None, None)


def test_step_1_strips_invisible_characters_at_the_ends_alone() -> None:
    row = cleaned("agents", agent_id="\ufeff \u200ba\u200b1\u2060\t", name="\u200c\u200d")
    assert (row["agent_id"], row["name"]) == ("a\u200b1", None)


def test_step_1_knows_a_key_that_a_tool_rewrote() -> None:
    result = outcome(
        "call_logs", {"call_id": "1,319.00"}, {"call_id": "1319", "resolution_status": None}
    )
    assert [(r.issue, r.record_key, r.record["call_id"]) for r in result.quarantine] == [
        ("duplicate_key", "1319", "1,319.00")
    ]
    rows_ = [{**GOOD["call_logs"], "customer_id": "1319.0", "agent_id": " 7,001"}]
    (row,) = interpret("call_logs", rows_, {"1319"}, {"7001"}).conformed.values()
    assert (row["customer_id"], row["agent_id"]) == ("1319", "7001")


def test_step_1_leaves_numbers_elsewhere_alone() -> None:
    assert cleaned("agents", name="1,319.0")["name"] == "1,319.0"


@pytest.mark.parametrize("word", ["NULL", "None", "NaN"])
def test_step_1_words_for_nothing_are_values(word: str) -> None:
    assert cleaned("agents", agent_id=word, name=word)["name"] == word.title()


def test_step_2_first_of_exact_duplicates_stays() -> None:
    result = outcome("agents", {}, {"name": " Bo "}, {})
    assert result.exact_duplicates == 2
    assert list(result.conformed) == ["a1"]
    assert not result.quarantine


def test_step_2_goes_before_step_4() -> None:
    # a, b, a: the second a is an exact duplicate of the first, so b is the last with that key.
    result = outcome("agents", {"name": "A"}, {"name": "B"}, {"name": "A"})
    assert result.exact_duplicates == 1
    assert [rejected.record["name"] for rejected in result.quarantine] == ["A"]
    assert result.conformed["a1"]["name"] == "B"


def test_step_3_missing_key_keeps_its_original_values() -> None:
    result = outcome("agents", {"agent_id": " ", "name": " bo "})
    record = {**GOOD["agents"], "agent_id": " ", "name": " bo "}
    assert result.quarantine == [Rejected("missing_key", None, record)]


def test_step_4_last_of_a_key_stays() -> None:
    result = outcome(
        "agents", {"name": "A", "state": "?"}, {"agent_id": " a1", "name": "B"}, {"name": "C"}
    )
    assert [(r.issue, r.record_key, r.record["name"]) for r in result.quarantine] == [
        ("duplicate_key", "a1", "A"),
        ("duplicate_key", "a1", "B"),
    ]
    assert result.conformed["a1"]["name"] == "C"
    assert not result.problems  # only rows that reach cleaning record any


def test_step_5_original_value_is_recorded_as_it_was() -> None:
    result = outcome("agents", {"state": " Ontario "})
    assert result.problems == [Problem("a1", "state", " Ontario ")]
    assert result.conformed["a1"]["state"] is None


@pytest.mark.parametrize(
    ("change", "at_fault"),
    [
        ({"customer_id": "c2"}, {"customer_id"}),
        ({"agent_id": ""}, {"agent_id"}),
        ({"customer_id": None, "agent_id": "A1"}, {"customer_id", "agent_id"}),
    ],
)
def test_step_6_orphans(change: dict[str, str | None], at_fault: set[str]) -> None:
    result = outcome("call_logs", {**change, "call_end_time": "soon"})
    (orphan,) = result.quarantine
    assert (orphan.issue, orphan.record_key, orphan.at_fault) == ("orphan", "k1", at_fault)
    assert orphan.record == {**GOOD["call_logs"], **change, "call_end_time": "soon"}
    assert not result.problems
    assert not result.conformed


def test_step_6_knows_keys_once_stripped() -> None:
    assert list(outcome("call_logs", {"customer_id": " c1\u3000"}).conformed) == ["k1"]


def test_ledger_balances() -> None:
    result = outcome("call_logs", {}, {}, {"call_id": ""}, {"agent_id": "?"}, {"call_id": "k2"})
    assert result.counts == {
        "rows_read": 5,
        "exact_duplicates": 1,
        "missing_key": 1,
        "duplicate_key": 1,
        "orphan": 1,
        "loaded": 1,
        "field_problems": 0,
    }


def test_upsert_counts_and_leaves_unchanged_rows_alone() -> None:
    table: dict[str, dict[str, object]] = {}
    first, second = date(2025, 11, 20), date(2025, 11, 21)
    loaded = outcome("agents", {}, {"agent_id": "a2"}, {"agent_id": "a3"})
    assert upsert(table, loaded, first) == {"inserted": 3, "updated": 0, "unchanged": 0}
    changed = outcome("agents", {}, {"agent_id": "a2", "name": "Cy"}, {"agent_id": "a4"})
    assert upsert(table, changed, second) == {"inserted": 1, "updated": 1, "unchanged": 1}
    assert {key: row["run_date"] for key, row in table.items()} == {
        "a1": first,
        "a2": second,
        "a3": first,
        "a4": second,
    }
