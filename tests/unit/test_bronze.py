"""Landing: content unchanged, a manifest with it, and nothing touched when it fails."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest

from blocks.errors import (
    ConfigurationError,
    CoreTelecomsError,
    SchemaDriftError,
    SourceMissingError,
    SourceUnreadableError,
)
from blocks.resources import Resources
from tasks.entities.contracts import AGENTS, CALL_LOGS, CUSTOMERS, SM_COMPLAINTS, WEB_COMPLAINTS
from tasks.entities.model import Entity
from tasks.lake.bronze import landed
from tasks.reading.land import land

DAY = date(2025, 11, 20)
CALLS = (
    ",call ID,customeR iD,COMPLAINT_catego ry,agent ID,call_start_time,call_end_time,"
    "resolutionstatus,callLogsGenerationDate\n"
)
PEOPLE = "customer_id,name,Gender,DATE of biRTH,signup_date,email,address\n"


def put(resources: Resources, entity: Entity, data: str | bytes) -> None:
    data = data.encode() if isinstance(data, str) else data
    resources.source.write(entity.source_on(DAY), data)


def lake_files(resources: Resources) -> dict[str, bytes]:
    root = Path(resources.lake.url)
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def bronze_rows(resources: Resources, key: str) -> pl.DataFrame:
    return pl.read_parquet(resources.lake.uri(key))


def manifest(resources: Resources, entity: Entity) -> dict[str, Any]:
    data = resources.lake.read(f"bronze/{entity.name}/{DAY}.manifest.json")
    assert data is not None
    return json.loads(data)


def test_content_lands_unchanged_with_its_manifest(resources: Resources) -> None:
    data = (CALLS.replace("\n", ",Extra\n") + "0, c1 ,1,pay,2,x,,NULL,,e\n").encode()
    put(resources, CALL_LOGS, data)
    heard: list[int] = []
    before = datetime.now(UTC).replace(microsecond=0)
    bronze = land(CALL_LOGS, DAY, resources, "run-1", heard.append)
    frame = bronze_rows(resources, bronze.key)
    assert frame.columns == [*CALLS.strip().split(","), "Extra"]
    assert frame.rows() == [("0", " c1 ", "1", "pay", "2", "x", None, "NULL", None, "e")]
    assert set(frame.dtypes) == {pl.String}
    assert heard == [1]
    stated = manifest(resources, CALL_LOGS)
    assert before <= datetime.fromisoformat(stated.pop("created_at")) <= datetime.now(UTC)
    assert stated == {
        "entity": "call_logs",
        "run_date": "2025-11-20",
        "source": resources.source.uri(CALL_LOGS.source_on(DAY)),
        "fingerprint": hashlib.sha256(data).hexdigest(),
        "rows": 1,
        "erased_rows": 0,
        "headers_again": 0,
        "bytes": len(data),
        "columns": frame.columns,
        "unexpected_columns": ["Extra"],
        "parts": [],
        "flow_run_id": "run-1",
    }
    assert (bronze.rows, bronze.fingerprint) == (1, stated["fingerprint"])
    assert bronze.unexpected_columns == ("Extra",)
    assert len(bronze.warnings) == 1
    assert "'Extra'" in bronze.warnings[0]


def test_without_index_column_and_with_one_twice(resources: Resources) -> None:
    put(resources, CALL_LOGS, CALLS[1:] + "c1,1,pay,2,x,y,z,w\n")
    assert land(CALL_LOGS, DAY, resources).unexpected_columns == ()
    put(resources, CALL_LOGS, f",{CALLS}7,0,c1,1,pay,2,x,y,z,w\n")
    bronze = land(CALL_LOGS, DAY, resources)
    assert bronze.unexpected_columns == ()
    assert bronze_rows(resources, bronze.key).row(0)[:3] == ("7", "0", "c1")


def test_a_header_alone_is_a_day_of_no_rows(resources: Resources) -> None:
    put(resources, CUSTOMERS, PEOPLE)
    put(resources, SM_COMPLAINTS, "[]")
    for entity in (CUSTOMERS, SM_COMPLAINTS):
        bronze = land(entity, DAY, resources)
        assert bronze.rows == 0
        assert bronze_rows(resources, bronze.key).height == 0
        assert len(bronze.warnings) == 1
        assert "no rows" in bronze.warnings[0]


def test_a_header_again_is_left_out_counted_and_warned_of(resources: Resources) -> None:
    put(resources, CUSTOMERS, PEOPLE + "1,a,M,,,,\n" + PEOPLE + "2,b,F,,,,\n" + PEOPLE)
    bronze = land(CUSTOMERS, DAY, resources)
    assert bronze_rows(resources, bronze.key)["customer_id"].to_list() == ["1", "2"]
    assert bronze.rows == manifest(resources, CUSTOMERS)["rows"] == 2
    assert manifest(resources, CUSTOMERS)["headers_again"] == 2
    (warning,) = bronze.warnings
    assert "the header stood 2 more times" in warning


def test_messages_show_few_labels_and_cut_them(resources: Resources) -> None:
    many = "".join(f",x{number}" for number in range(16_000)) + "," + "y" * 900_000
    put(resources, CUSTOMERS, PEOPLE.strip() + many + "\n")
    (_, warning) = land(CUSTOMERS, DAY, resources).warnings
    assert "'x19' and 15,981 more" in warning
    put(resources, CUSTOMERS, PEOPLE.replace("email", "z" * 900_000))
    with pytest.raises(SchemaDriftError, match=r"missing email.*'zzz") as caught:
        land(CUSTOMERS, DAY, resources)
    assert len(warning) < 1000 > len(str(caught.value))


def test_landing_again_replaces_both_files(resources: Resources) -> None:
    put(resources, CUSTOMERS, PEOPLE + "1,a,M,,,,\n2,b,F,,,,\n")
    first = land(CUSTOMERS, DAY, resources)
    assert land(CUSTOMERS, DAY, resources).fingerprint == first.fingerprint
    assert len(lake_files(resources)) == 2
    put(resources, CUSTOMERS, PEOPLE + "3,c,M,,,,\n")
    again = land(CUSTOMERS, DAY, resources)
    assert bronze_rows(resources, again.key)["customer_id"].to_list() == ["3"]
    assert manifest(resources, CUSTOMERS)["fingerprint"] == again.fingerprint


def test_another_delivery_keeps_the_earlier_one(resources: Resources) -> None:
    put(resources, CUSTOMERS, PEOPLE + "1,a,M,,,,\n")
    first = land(CUSTOMERS, DAY, resources)
    put(resources, CUSTOMERS, PEOPLE + "2,b,F,,,,\n")
    second = land(CUSTOMERS, DAY, resources)
    for bronze, key in ((first, "1"), (second, "2")):
        found = landed("customers", DAY, resources.lake, bronze.fingerprint)
        assert found.fingerprint == bronze.fingerprint
        assert bronze_rows(resources, found.key)["customer_id"].to_list() == [key]
    assert landed("customers", DAY, resources.lake).key == second.key
    with pytest.raises(SourceMissingError, match="is of another delivery than was loaded"):
        landed("customers", DAY, resources.lake, "f" * 64)


def test_a_manifest_without_its_file_stops_no_landing(resources: Resources) -> None:
    put(resources, CUSTOMERS, PEOPLE + "1,a,M,,,,\n")
    resources.lake.delete(land(CUSTOMERS, DAY, resources).key)
    put(resources, CUSTOMERS, PEOPLE + "2,b,F,,,,\n")
    land(CUSTOMERS, DAY, resources)
    assert len(lake_files(resources)) == 2


@pytest.mark.parametrize(
    ("entity", "data", "kind", "message"),
    [
        pytest.param(CUSTOMERS, "", SourceUnreadableError, "empty", id="empty CSV"),
        pytest.param(SM_COMPLAINTS, "", SourceUnreadableError, "empty", id="empty JSON"),
        pytest.param(SM_COMPLAINTS, "{}", SchemaDriftError, "missing complaint_id", id="no column"),
        pytest.param(
            CUSTOMERS,
            PEOPLE + "1,secret,M,1980-01-01,2024-01-01,s@x.com,s\n2,secret\n",
            SourceUnreadableError,
            "2 values under 7 columns.*line 3",
            id="ragged",
        ),
        pytest.param(
            CUSTOMERS, PEOPLE + '1,"secret', SourceUnreadableError, "cut off", id="cut off"
        ),
        pytest.param(
            CUSTOMERS, PEOPLE + "1,secret\0,,,,,\n", SourceUnreadableError, "NUL", id="NUL"
        ),
        pytest.param(
            CUSTOMERS,
            PEOPLE.replace("Gender", "Sex"),
            SchemaDriftError,
            "customers: missing gender; .*'Sex'",
            id="renamed",
        ),
        pytest.param(
            CUSTOMERS,
            PEOPLE.replace("name", "e-mail"),
            SchemaDriftError,
            "missing name",
            id="renamed to another",
        ),
        pytest.param(
            CUSTOMERS,
            "NAME ," + PEOPLE,
            SchemaDriftError,
            "more than one column reads as name; .*'NAME ', 'customer_id', 'name'",
            id="twice",
        ),
    ],
)
def test_a_failure_leaves_what_was_landed_before(
    resources: Resources, entity: Entity, data: str, kind: type[CoreTelecomsError], message: str
) -> None:
    good = {
        CUSTOMERS: PEOPLE + "1,a,M,,,,\n",
        SM_COMPLAINTS: json.dumps([{f.name: "x" for f in SM_COMPLAINTS.fields}]),
    }
    put(resources, entity, good[entity])
    land(entity, DAY, resources)
    before = lake_files(resources)
    put(resources, entity, data)
    with pytest.raises(kind, match=f"(?s){message}") as caught:
        land(entity, DAY, resources)
    assert resources.source.uri(entity.source_on(DAY)) in caught.value.where
    assert caught.value.todo
    assert "secret" not in str(caught.value)
    assert lake_files(resources) == before


def test_a_missing_object_is_named(resources: Resources) -> None:
    put(resources, CUSTOMERS, PEOPLE)
    with pytest.raises(SourceMissingError, match=r"call logs/call_logs_day_2025-11-20\.csv"):
        land(CALL_LOGS, DAY, resources)


def test_the_web_forms_table_of_the_day(resources: Resources) -> None:
    with psycopg.connect(resources.web_forms_dsn) as connection:
        connection.execute("CREATE SCHEMA customer_complaints")
        connection.execute(
            "CREATE TABLE customer_complaints.web_form_request_2025_11_20 (column1 int, "
            'request_id text, "customeR iD" text, "COMPLAINT_catego ry" text, "agent ID" text, '
            "resolutionstatus text, request_date timestamp, resolution_date date, "
            '"webFormGenerationDate" text)'
        )
        connection.execute(
            "INSERT INTO customer_complaints.web_form_request_2025_11_20 VALUES "
            "(0, ' r1', '', NULL, '1', 'x', '2025-11-20', '2025-11-21', 'y')"
        )
    bronze = land(WEB_COMPLAINTS, DAY, resources)
    assert bronze_rows(resources, bronze.key).rows() == [
        ("0", " r1", "", None, "1", "x", "2025-11-20 00:00:00", "2025-11-21", "y")
    ]
    assert land(WEB_COMPLAINTS, DAY, resources).fingerprint == bronze.fingerprint
    assert "web_form_request_2025_11_20" in bronze.source
    with psycopg.connect(resources.web_forms_dsn) as connection:
        connection.execute(
            "ALTER TABLE customer_complaints.web_form_request_2025_11_20 DROP resolutionstatus"
        )
    with pytest.raises(SchemaDriftError, match="missing resolution_status"):
        land(WEB_COMPLAINTS, DAY, resources)
    with pytest.raises(SourceMissingError, match="web_form_request_2025_11_19"):
        land(WEB_COMPLAINTS, date(2025, 11, 19), resources)


def test_agents_from_an_address_of_their_own(resources: Resources, tmp_path: Path) -> None:
    there = tmp_path / "elsewhere" / "team.csv"
    there.parent.mkdir()
    there.write_text("iD,NamE,experience,state\n1,a,Intern,TX\n")
    bronze = land(AGENTS, DAY, replace(resources, agents_url=str(there)))
    assert bronze.rows == 1
    assert bronze.source == str(there)
    workbook = there.rename(there.with_suffix(".xlsx"))
    with pytest.raises(ConfigurationError, match=r"'\.xlsx' are not read"):
        land(AGENTS, DAY, replace(resources, agents_url=str(workbook)))
