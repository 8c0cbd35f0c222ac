"""The whole data path with sources and lake on S3: the same tables as from folders."""

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from blocks import samples
from blocks.database import connect
from blocks.errors import (
    ConfigurationError,
    CoreTelecomsError,
    SourceUnreadableError,
    StoreUnavailableError,
)
from blocks.resources import Resources
from blocks.stores.opening import opened
from tasks.cleaning.silver import refine
from tasks.entities.contracts import CALL_LOGS, COMPLAINTS, STATIC
from tasks.entities.model import Entity
from tasks.entities.references import Bronze, Loaded, Silver
from tasks.loading.day import load_day
from tasks.loading.static import load_static
from tasks.loading.tables import create_all_tables
from tasks.reading.land import land
from tests.conftest import new_database
from tests.integration.s3_server import S3, emptied

DAY = date(2025, 11, 21)
TABLES = (
    "SELECT * FROM conformed.call_logs ORDER BY call_id",
    "SELECT * FROM conformed.sm_complaints ORDER BY complaint_id",
    "SELECT * FROM conformed.web_complaints ORDER BY request_id",
    "SELECT customer_id, name, email, zip_code, run_date FROM conformed.customers ORDER BY 1",
    "SELECT agent_id, name, experience, state, run_date FROM conformed.agents ORDER BY 1",
    "SELECT entity, issue, reason, record_key, record FROM quarantine.records ORDER BY 1, 2, 4, 5",
    "SELECT entity, record_key, field, original_value FROM ops.field_problems ORDER BY 1, 2, 3, 4",
    "SELECT entity, rows_read, exact_duplicates, missing_key, duplicate_key, orphan, loaded "
    "FROM ops.ledger ORDER BY 1",
)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory, postgres: str) -> Path:
    """The files of a sample day."""
    folder = tmp_path_factory.mktemp("day")
    samples.ensure(folder, postgres, DAY, web_forms=False)
    return folder


@pytest.fixture(scope="module")
def shared(s3_server: Any, day: Path) -> Iterator[S3]:
    """An S3 with those files in the bucket `sources`."""
    with emptied(s3_server) as s3:
        s3.client().create_bucket(Bucket="sources")
        for path in day.rglob("*.[cj]s*"):
            key = path.relative_to(day).as_posix()
            s3.client().upload_file(str(path), "sources", f"telecom/{key}")
        yield s3


@pytest.fixture
def s3(shared: S3) -> Iterator[S3]:
    """The same for one test, which may make it fail."""
    yield shared
    shared.fault = None


@pytest.fixture
def folders(resources: Resources, day: Path, tmp_path: Path) -> Resources:
    """Sample sources of a day in folders, web forms in the database, no tables loaded."""
    shutil.copytree(day, tmp_path / "source")
    samples.ensure(tmp_path / "source", resources.web_forms_dsn, DAY)
    with connect(resources.warehouse_dsn) as connection:
        create_all_tables(connection)
    return replace(resources, batch_rows=1_000)


@pytest.fixture(scope="module")
def on_s3(shared: S3, postgres: str) -> Iterator[Resources]:
    """Sources and lake on S3, no web forms."""
    with new_database(postgres) as dsn:
        with connect(dsn) as connection:
            create_all_tables(connection)
        yield Resources(
            platform="test",
            source=opened("s3://sources/telecom"),
            lake=opened("s3://lake"),
            agents_url=None,
            warehouse_dsn=dsn,
            web_forms_dsn=dsn,
        )


def load(entity: Entity, silver: Silver, resources: Resources) -> Loaded:
    return (load_static if entity.is_static else load_day)(entity, silver, resources)


def load_all(resources: Resources) -> list[list[tuple[object, ...]]]:
    for entity in STATIC + COMPLAINTS:
        load(entity, refine(entity, land(entity, DAY, resources), resources), resources)
    with connect(resources.warehouse_dsn) as connection:
        return [connection.execute(query).fetchall() for query in TABLES]


def test_the_same_tables_as_from_folders(s3: S3, on_s3: Resources, folders: Resources) -> None:
    s3.client().create_bucket(Bucket="whole")
    from_s3 = load_all(replace(folders, source=on_s3.source, lake=opened("s3://whole")))
    assert all(from_s3)
    entities = [entity.name for entity in STATIC + COMPLAINTS]
    records = [key for key in s3.objects("whole") if key.startswith("loads/")]
    assert sorted(key.split("/")[1] for key in records) == sorted(entities)
    assert sorted(set(s3.objects("whole")) - set(records)) == sorted(
        [
            f"bronze/{name}/{DAY}.{kind}"
            for name in entities
            for kind in ("manifest.json", "parquet")
        ]
        + [
            f"{layer}/{n}/{DAY}.parquet"
            for layer in ("silver", "problems", "rejects")
            for n in entities
        ]
    )
    with connect(folders.warehouse_dsn) as connection:
        connection.execute("DROP SCHEMA conformed, staging, quarantine, ops CASCADE")
        create_all_tables(connection)
    assert load_all(folders) == from_s3


def test_a_source_in_parts_and_packed_is_the_same(s3: S3, on_s3: Resources, day: Path) -> None:
    key = CALL_LOGS.source_on(DAY)
    whole = land(CALL_LOGS, DAY, on_s3)
    header, *lines = (day / key).read_bytes().splitlines(keepends=True)
    folder = f"telecom/{key.removesuffix('.csv')}/"
    half = len(lines) // 2
    parts = {
        "_SUCCESS": b"",
        "part-0.csv.gz": gzip.compress(header + b"".join(lines[:half])),
        "part-1.csv": header + b"".join(lines[half:]),
    }
    for name, data in parts.items():
        s3.client().put_object(Bucket="sources", Key=folder + name, Body=data)
    with pytest.raises(SourceUnreadableError, match="two shapes"):
        land(CALL_LOGS, DAY, on_s3)
    s3.client().delete_object(Bucket="sources", Key=f"telecom/{key}")
    try:
        in_parts = land(CALL_LOGS, DAY, on_s3)
        assert (in_parts.rows, in_parts.fingerprint != whole.fingerprint) == (whole.rows, True)
        manifest = json.loads(on_s3.lake.read(f"bronze/call_logs/{DAY}.manifest.json") or "")
        assert [part["size"] for part in manifest["parts"]] == [
            len(parts["part-0.csv.gz"]),
            len(parts["part-1.csv"]),
        ]
    finally:
        for name in parts:
            s3.client().delete_object(Bucket="sources", Key=folder + name)
        s3.client().upload_file(str(day / key), "sources", f"telecom/{key}")


@pytest.fixture(scope="module")
def landed(on_s3: Resources) -> tuple[Bronze, Silver]:
    """Call logs of the day on S3, as far as silver; nobody is known, so they will be orphans."""
    bronze = land(CALL_LOGS, DAY, on_s3)
    return bronze, refine(CALL_LOGS, bronze, on_s3)


Stage = Callable[[Resources, Bronze, Silver], object]
STAGES: dict[str, Stage] = {
    "land": lambda resources, bronze, silver: land(CALL_LOGS, DAY, resources),
    "refine": lambda resources, bronze, silver: refine(CALL_LOGS, bronze, resources),
    # nobody is known, so the audit would refuse the day.
    "load": lambda resources, bronze, silver: load_day(CALL_LOGS, silver, resources, accept=True),
}


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "InvalidAccessKeyId", ConfigurationError),
        (503, "SlowDown", StoreUnavailableError),
        (0, "", StoreUnavailableError),
    ],
    ids=["wrong credentials", "slow down", "connection cut"],
)
def test_every_stage_says_what_s3_said(
    s3: S3,
    on_s3: Resources,
    landed: tuple[Bronze, Silver],
    stage: Stage,
    status: int,
    code: str,
    error: type[CoreTelecomsError],
) -> None:
    s3.fail(status, code)
    with pytest.raises(error) as caught:
        stage(on_s3, *landed)
    assert "s3://" in caught.value.where
    s3.fault = None
    stage(on_s3, *landed)


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_every_stage_outlasts_a_slow_down(
    s3: S3, on_s3: Resources, landed: tuple[Bronze, Silver], stage: Stage
) -> None:
    s3.fail(503, "SlowDown", times=1)
    stage(on_s3, *landed)
    assert s3.fault is None, "it was met"


@pytest.mark.parametrize("stage", ["land", "refine"])
def test_a_lake_that_takes_no_writes(
    s3: S3, on_s3: Resources, landed: tuple[Bronze, Silver], stage: str
) -> None:
    before = s3.objects()
    s3.fail(403, "AccessDenied", method="PUT")
    with pytest.raises(ConfigurationError, match="S3 refused access"):
        STAGES[stage](on_s3, *landed)
    assert s3.objects() == before


def test_a_lake_bucket_that_is_missing(s3: S3, on_s3: Resources) -> None:
    nowhere = replace(on_s3, lake=opened("s3://nolake"))
    with pytest.raises(ConfigurationError, match="The bucket nolake does not exist"):
        land(CALL_LOGS, DAY, nowhere)
